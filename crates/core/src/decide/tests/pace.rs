//! The steps towards a goal that was allowed once (M20).

use super::fixtures::*;
use crate::*;

#[test]
fn m20_between_the_members_of_one_change_neither_rates_nor_cooldowns_count() {
    let mut slow = policy();
    slow.scale_up.policies = vec![RatePolicy::pods(1, 600)];
    slow.scale_down.policies = vec![RatePolicy::pods(1, 600)];
    slow.cooldown = Cooldown {
        up: Seconds::new(600),
        down: Seconds::new(600),
    };
    let decided = |policy: &Policy, (from, to): (u32, u32), load: &str| {
        let mut history = settled(to);
        let before = change(from, to, at(-1), ChangeCause::Ours);
        history.record_change(before, policy);
        decide(policy, &observe(to, fresh(load)), &history, at(0)).desired.get()
    };
    for (before, load, goal) in [((4, 5), "800", 8), ((6, 5), "200", 2)] {
        assert_eq!(decided(&slow, before, load), 5);
        assert_eq!(decided(&slow.at_any_pace(), before, load), goal);
    }
    // A cooldown alone holds too, and so does a rate alone.
    for policy in [
        Policy {
            cooldown: Cooldown::default(),
            ..slow.clone()
        },
        Policy {
            cooldown: slow.cooldown,
            ..policy()
        },
    ] {
        assert_eq!(decided(&policy, (4, 5), "800"), 5);
        assert_eq!(decided(&policy.at_any_pace(), (4, 5), "800"), 8);
    }
    // What disables a direction stays.
    slow.scale_up.select = SelectPolicy::Disabled;
    assert_eq!(decided(&slow.at_any_pace(), (4, 5), "800"), 5);
}

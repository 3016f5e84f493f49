//! A proof must not hold of nothing: `json.all(...)` of an empty list is true, and so is `!(name in json.names)`.
//!
//! For each list that an expression reads it is worked out, without any answer, whether the expression can be true only
//! because that list is empty. Two worlds are compared that differ in nothing else: in one, what an empty list makes true is
//! true, in the other it is not. Where they can differ in the outcome, the proof rests on nothing.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::grammar::{Macro, macro_of};

/// Refuses a proof that holds of an empty list.
pub(super) fn check(expression: &IdedExpr) -> Result<(), String> {
    let mut lists = Vec::new();
    collect(expression, &mut lists);
    let hollow = lists
        .into_iter()
        .find(|list| outcomes(expression, list).rests_on_nothing());
    match hollow {
        Some(_) => Err(
            "it holds of an empty list, which proves nothing: say also that the list has a size() > 0, such as \
             json.table.size() > 0 && json.table.all(row, row.Running)"
                .to_owned(),
        ),
        None => Ok(()),
    }
}

/// Which pairs of truths are possible: in the world where the empty list counts, and in the one where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcomes(u8);

const PAIRS: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

impl Outcomes {
    /// Anything that has nothing to do with the list.
    const ANY: Self = Self(0b1001);
    /// True because the list is empty.
    const HOLLOW: Self = Self(0b0010);
    /// False because the list is empty. Its opposite is then true for no better reason.
    const FALSE: Self = Self(0b1100);

    fn certain(holds: bool) -> Self {
        Self::of(std::iter::once((holds, holds)))
    }

    fn has(self, pair: usize) -> bool {
        self.0 & (1 << pair) != 0
    }

    fn pairs(self) -> impl Iterator<Item = (bool, bool)> {
        PAIRS
            .into_iter()
            .enumerate()
            .filter(move |(at, _)| self.has(*at))
            .map(|(_, pair)| pair)
    }

    fn of(pairs: impl Iterator<Item = (bool, bool)>) -> Self {
        let bit = |pair| PAIRS.iter().position(|other| *other == pair).map_or(0, |at| 1 << at);
        Self(pairs.fold(0, |bits, pair| bits | bit(pair)))
    }

    fn with(self, other: Self, join: impl Fn(bool, bool) -> bool) -> Self {
        let join = &join;
        Self::of(
            self.pairs()
                .flat_map(|one| other.pairs().map(move |two| (join(one.0, two.0), join(one.1, two.1)))),
        )
    }

    fn not(self) -> Self {
        Self::of(self.pairs().map(|(one, two)| (!one, !two)))
    }

    fn rests_on_nothing(self) -> bool {
        self.pairs().any(|pair| pair == (true, false))
    }
}

/// The outcomes of an expression if this list is empty.
fn outcomes(expression: &IdedExpr, list: &IdedExpr) -> Outcomes {
    let of = |part| outcomes(part, list);
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(holds)) => Outcomes::certain(*holds.inner()),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [one, two]) => of(one).with(of(two), |one, two| one && two),
            (operators::LOGICAL_OR, [one, two]) => of(one).with(of(two), |one, two| one || two),
            (operators::LOGICAL_NOT, [one]) => of(one).not(),
            (operators::CONDITIONAL, [condition, one, two]) => {
                let then = of(condition).with(of(one), |condition, one| condition && one);
                let otherwise = of(condition).not().with(of(two), |condition, two| condition && two);
                then.with(otherwise, |one, two| one || two)
            }
            (operators::IN, [_, within]) if is_same(within, list) => Outcomes::FALSE,
            (comparison, [one, two]) => compared(comparison, one, two, list),
            _ => Outcomes::ANY,
        },
        Expr::Comprehension(loops) if is_same(&loops.iter_range, list) => match macro_of(loops) {
            Some(Macro::All(_)) => Outcomes::HOLLOW,
            Some(Macro::Exists(_) | Macro::ExistsOne(_)) => Outcomes::FALSE,
            Some(Macro::List { .. }) | None => Outcomes::ANY,
        },
        _ => Outcomes::ANY,
    }
}

/// `list.size() > 0` and its like: what 0 makes of it. `list == []` too.
fn compared(comparison: &str, one: &IdedExpr, two: &IdedExpr, list: &IdedExpr) -> Outcomes {
    let is_empty_literal = |side: &IdedExpr| matches!(&side.expr, Expr::List(literal) if literal.elements.is_empty());
    let holds = match (size_of(one), number(two), size_of(two), number(one)) {
        (Some(of), Some(number), ..) if is_same(of, list) => holds(comparison, 0, number),
        (.., Some(of), Some(number)) if is_same(of, list) => holds(comparison, number, 0),
        _ if is_same(one, list) && is_empty_literal(two) => holds(comparison, 0, 0),
        _ => None,
    };
    match holds {
        Some(true) => Outcomes::HOLLOW,
        Some(false) => Outcomes::FALSE,
        None => Outcomes::ANY,
    }
}

fn holds(comparison: &str, one: i64, two: i64) -> Option<bool> {
    Some(match comparison {
        operators::EQUALS => one == two,
        operators::NOT_EQUALS => one != two,
        operators::LESS => one < two,
        operators::LESS_EQUALS => one <= two,
        operators::GREATER => one > two,
        operators::GREATER_EQUALS => one >= two,
        _ => return None,
    })
}

/// Every list whose emptiness may matter, but `members`, which is never empty: an empty answer is none.
fn collect<'a>(expression: &'a IdedExpr, lists: &mut Vec<&'a IdedExpr>) {
    let mut note = |list: &'a IdedExpr| {
        if !matches!(&list.expr, Expr::Ident(name) if name == "members") {
            lists.push(list);
        }
    };
    match &expression.expr {
        Expr::Call(call) => {
            if call.func_name == operators::IN
                && let [_, within] = call.args.as_slice()
            {
                note(within);
            }
            if let [one, _] = call.args.as_slice()
                && call.func_name == operators::EQUALS
            {
                note(one);
            }
            if let Some(of) = size_of(expression) {
                note(of);
            }
            parts(call).for_each(|part| collect(part, lists));
        }
        Expr::Comprehension(loops) => {
            note(&loops.iter_range);
            collect(&loops.iter_range, lists);
        }
        Expr::Select(select) => collect(&select.operand, lists),
        _ => {}
    }
}

fn parts(call: &CallExpr) -> impl Iterator<Item = &IdedExpr> {
    call.target.as_deref().into_iter().chain(&call.args)
}

/// `x` of `x.size()` and of `size(x)`.
fn size_of(expression: &IdedExpr) -> Option<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) if call.func_name == "size" => parts(call).next(),
        _ => None,
    }
}

fn number(expression: &IdedExpr) -> Option<i64> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Int(number)) => Some(*number.inner()),
        Expr::Literal(LiteralValue::UInt(number)) => i64::try_from(*number.inner()).ok(),
        _ => None,
    }
}

/// The same text, wherever it stands: the parser gives each place a number of its own.
fn is_same(one: &IdedExpr, two: &IdedExpr) -> bool {
    let all = |one: &[IdedExpr], two: &[IdedExpr]| {
        one.len() == two.len() && one.iter().zip(two).all(|(one, two)| is_same(one, two))
    };
    match (&one.expr, &two.expr) {
        (Expr::Ident(one), Expr::Ident(two)) => one == two,
        (Expr::Literal(one), Expr::Literal(two)) => one == two,
        (Expr::Select(one), Expr::Select(two)) => {
            one.field == two.field && one.test == two.test && is_same(&one.operand, &two.operand)
        }
        (Expr::Call(one), Expr::Call(two)) => {
            let same_target = match (&one.target, &two.target) {
                (Some(one), Some(two)) => is_same(one, two),
                (None, None) => true,
                _ => false,
            };
            one.func_name == two.func_name && same_target && all(&one.args, &two.args)
        }
        (Expr::List(one), Expr::List(two)) => all(&one.elements, &two.elements),
        (Expr::Comprehension(one), Expr::Comprehension(two)) => {
            one.iter_var == two.iter_var
                && is_same(&one.iter_range, &two.iter_range)
                && is_same(&one.accu_init, &two.accu_init)
                && is_same(&one.loop_step, &two.loop_step)
        }
        _ => false,
    }
}

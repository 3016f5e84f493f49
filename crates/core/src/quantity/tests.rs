use proptest::prelude::*;
use rstest::rstest;

use super::*;

// Values as Kubernetes' `resource.ParseQuantity` gives them, in nano-units.
#[rstest]
#[case("0", 0)]
#[case("1", 1_000_000_000)]
#[case("60m", 60_000_000)]
#[case(".5", 500_000_000)]
#[case("5.", 5_000_000_000)]
#[case("+1.5", 1_500_000_000)]
#[case("-1", -1_000_000_000)]
#[case("1e3", 1_000_000_000_000)]
#[case("1E3", 1_000_000_000_000)]
#[case("1e-3", 1_000_000)]
#[case("12E", 9_223_372_036_854_775_807_000_000_000)] // above the cap of 2^63-1
#[case("9E", 9_000_000_000_000_000_000_000_000_000)]
#[case("8Ei", 9_223_372_036_854_775_807_000_000_000)]
#[case("3u", 3_000)]
#[case("3k", 3_000_000_000_000)]
#[case("3M", 3_000_000_000_000_000)]
#[case("3G", 3_000_000_000_000_000_000)]
#[case("3T", 3_000_000_000_000_000_000_000)]
#[case("3P", 3_000_000_000_000_000_000_000_000)]
#[case("1.5n", 2)]
#[case("9e18", 9_000_000_000_000_000_000_000_000_000)]
#[case("1e19", 9_223_372_036_854_775_807_000_000_000)]
#[case("1Gi", 1_073_741_824_000_000_000)]
#[case("1Ti", 1_099_511_627_776_000_000_000)]
#[case("1Pi", 1_125_899_906_842_624_000_000_000)]
#[case("1Ki", 1_024_000_000_000)]
#[case("0.5Mi", 524_288_000_000_000)]
#[case("0.50000000000000000000000000000000000000000001Ki", 512_000_000_001)]
#[case("7.99007169925474299399Ei", 9_211_925_485_421_364_820_480_336_001)]
#[case("9007199254740993", 9_007_199_254_740_993_000_000_000)]
#[case("1n", 1)]
#[case("0.1n", 1)] // rounds up, away from zero
#[case("-0.1n", -1)]
#[case("1.0000000001", 1_000_000_001)]
#[case("100000000000000000000000000000000000000000", 9_223_372_036_854_775_807_000_000_000)]
#[case("0.00000000000000000000000000000000000000000000000000001", 1)]
#[case("000000000000000000000000000000000000000000000000007", 7_000_000_000)]
#[case("1e99999999999", 9_223_372_036_854_775_807_000_000_000)]
#[case("1e-99999999999", 1)]
#[case("0e99999999999", 0)]
fn a_quantity_is_read_as_kubernetes_reads_it(#[case] text: &str, #[case] nanos: i128) {
    assert_eq!(text.parse::<Quantity>().map(Quantity::nanos), Ok(nanos));
}

#[rstest]
#[case("")]
#[case("-")]
#[case(".")]
#[case("1.2.3")]
#[case("1K")]
#[case("1ki")]
#[case("one")]
#[case("1 m")]
#[case(" 1")]
#[case("1e")]
#[case("1e+")]
#[case("1ee3")]
#[case("--1")]
#[case("NaN")]
#[case("0x10")]
fn anything_else_is_refused(#[case] text: &str) {
    assert!(text.parse::<Quantity>().is_err());
}

#[rstest]
#[case("0", "0")]
#[case("22m", "22m")]
#[case("0.0225", "22.5m")]
#[case("0.173", "173m")]
#[case("173.3333333", "173.333")]
#[case("100", "100")]
#[case("1000", "1000")]
#[case("1500M", "1.5G")]
#[case("999999.9996", "1000000")]
#[case("-3", "-3")]
#[case("1n", "1n")]
#[case("999n", "999n")]
#[case("1u", "1u")]
#[case("999u", "999u")]
#[case("1m", "1m")]
#[case("999m", "999m")]
#[case("999999", "999999")]
#[case("1M", "1M")]
#[case("999M", "999M")]
#[case("1G", "1G")]
#[case("999G", "999G")]
#[case("1T", "1T")]
#[case("999T", "999T")]
#[case("1P", "1P")]
#[case("999P", "999P")]
#[case("1E", "1E")]
#[case("-2500P", "-2.5E")]
fn a_quantity_is_written_for_people(#[case] text: &str, #[case] shown: &str) {
    assert_eq!(text.parse::<Quantity>().unwrap().to_string(), shown);
}

#[test]
fn r6_noise_of_floats_never_asks_for_one_more() {
    let tenth = Quantity::from_f64(0.1).unwrap();
    assert_eq!(Quantity::from_f64(0.1 + 0.2).unwrap().nanos(), 3 * tenth.nanos());
    let billion = Quantity::from_f64(1e9).unwrap();
    assert_eq!(Quantity::from_f64(3e9 + 4.7e-7).unwrap().nanos(), 3 * billion.nanos());
}

#[test]
fn r4_what_is_not_a_number_is_no_quantity() {
    assert_eq!(Quantity::from_f64(f64::NAN), None);
    assert_eq!(Quantity::from_f64(f64::INFINITY), None);
    assert_eq!(Quantity::from_f64(f64::NEG_INFINITY), None);
    assert_eq!(Quantity::from_f64(-0.0), Some(Quantity::ZERO));
}

#[test]
fn r6_overflow_saturates() {
    assert_eq!(Quantity::from_f64(1e308), Some(Quantity::MAX));
    assert_eq!(Quantity::from_f64(-1e308), Some(Quantity::MIN));
    assert_eq!(Quantity::from_nanos(i128::MAX), Quantity::MAX);
    assert_eq!(Quantity::from_nanos(i128::MIN), Quantity::MIN);
    assert_eq!(Quantity::MIN.nanos(), -Quantity::MAX.nanos());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
        let _ = text.parse::<Quantity>();
    }

    #[test]
    fn numbers_like_text_never_panic(text in "[+-]?[0-9.]{0,45}(e-?[0-9]{0,4}|[numkMGTPE]|[KMGTPE]i)?") {
        let _ = text.parse::<Quantity>();
    }

    #[test]
    fn nothing_exceeds_the_cap(value in proptest::num::f64::ANY) {
        if let Some(quantity) = Quantity::from_f64(value) {
            prop_assert!(quantity <= Quantity::MAX && quantity >= Quantity::MIN);
        }
    }

    #[test]
    fn a_float_survives_to_twelve_digits(value in 1e-3_f64..1e15) {
        let back = Quantity::from_f64(value).unwrap().as_f64();
        prop_assert!((back - value).abs() <= value * 1e-11 + 1e-9);
    }

    #[test]
    fn nanos_round_trip_through_text(nanos in -9_000_000_000_000_000_000_i128..9_000_000_000_000_000_000) {
        let text = format!("{nanos}n");
        prop_assert_eq!(text.parse::<Quantity>().unwrap().nanos(), nanos);
    }
}

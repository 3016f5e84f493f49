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
#[case("9E", 9_000_000_000_000_000_000_000_000_000)]
#[case("3u", 3_000)]
#[case("3k", 3_000_000_000_000)]
#[case("3M", 3_000_000_000_000_000)]
#[case("3G", 3_000_000_000_000_000_000)]
#[case("3T", 3_000_000_000_000_000_000_000)]
#[case("3P", 3_000_000_000_000_000_000_000_000)]
#[case("1.5n", 2)]
#[case("9e18", 9_000_000_000_000_000_000_000_000_000)]
#[case("1e19", 10_000_000_000_000_000_000_000_000_000)]
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
#[case(
    "100000000000000000000000000000000000000000",
    100_000_000_000_000_000_000_000_000_000
)]
#[case("0.00000000000000000000000000000000000000000000000000001", 1)]
#[case("000000000000000000000000000000000000000000000000007", 7_000_000_000)]
#[case("1e2147483647", 100_000_000_000_000_000_000_000_000_000)]
#[case("1e-2147483647", 1)]
#[case("0e2147483647", 0)]
#[case("99E", 99_000_000_000_000_000_000_000_000_000)]
#[case("101E", 100_000_000_000_000_000_000_000_000_000)] // beyond the cap
fn a_quantity_is_exact(#[case] text: &str, #[case] nanos: i128) {
    assert_eq!(text.parse::<Quantity>().map(Quantity::nanos), Ok(nanos));
}

/// What Kubernetes says of texts: `TestQuantityParse` of apimachinery, as text, digits and power of ten. Its rows `9Ei` and
/// `9223372036854775807Ki` are left out: they are capped there, and exact or capped later here.
const KUBERNETES: [(&str, i128, i32); 92] = [
    ("0", 0, 0),
    ("0n", 0, 0),
    ("0u", 0, 0),
    ("0m", 0, 0),
    ("0Ki", 0, 0),
    ("0k", 0, 0),
    ("0Mi", 0, 0),
    ("0M", 0, 0),
    ("0Gi", 0, 0),
    ("0G", 0, 0),
    ("0Ti", 0, 0),
    ("0T", 0, 0),
    ("1", 1, 0),
    ("1Ki", 1_024, 0),
    ("8Ki", 8_192, 0),
    ("7Mi", 7_340_032, 0),
    ("6Gi", 6_442_450_944, 0),
    ("5Ti", 5_497_558_138_880, 0),
    ("4Pi", 4_503_599_627_370_496, 0),
    ("3Ei", 3_458_764_513_820_540_928, 0),
    ("10Ti", 10_995_116_277_760, 0),
    ("100Ti", 109_951_162_777_600, 0),
    ("5n", 5, -9),
    ("4u", 4, -6),
    ("3m", 3, -3),
    ("9", 9, 0),
    ("8k", 8, 3),
    ("50k", 5, 4),
    ("7M", 7, 6),
    ("6G", 6, 9),
    ("5T", 5, 12),
    ("40T", 4, 13),
    ("300T", 3, 14),
    ("2P", 2, 15),
    ("1E", 1, 18),
    ("1E-3", 1, -3),
    ("1e3", 1, 3),
    ("1E6", 1, 6),
    ("1e9", 1, 9),
    ("1E12", 1, 12),
    ("1e15", 1, 15),
    ("1E18", 1, 18),
    ("1e14", 1, 14),
    ("1e13", 1, 13),
    ("100.035k", 100_035, 0),
    ("0.001", 1, -3),
    ("0.0005k", 5, -1),
    ("0.005", 5, -3),
    ("0.05", 5, -2),
    ("0.5", 5, -1),
    ("0.00050k", 5, -1),
    ("0.00500", 5, -3),
    ("0.05000", 5, -2),
    ("0.50000", 5, -1),
    ("0.5e0", 5, -1),
    ("0.5e-1", 5, -2),
    ("0.5e-2", 5, -3),
    ("10.035M", 10_035, 3),
    ("1.2e3", 12, 2),
    ("1.3E+6", 13, 5),
    ("1.40e9", 14, 8),
    ("1.53E12", 153, 10),
    ("1.6e15", 16, 14),
    ("1.7E18", 17, 17),
    ("9.01", 901, -2),
    ("8.1k", 81, 2),
    ("7.123456M", 7_123_456, 0),
    ("6.987654321G", 6_987_654_321, 0),
    ("5.444T", 5_444, 9),
    ("40.1T", 401, 11),
    ("300.2T", 3_002, 11),
    ("2.5P", 25, 14),
    ("1.01E", 101, 16),
    ("3.001n", 4, -9),
    ("1.1E-9", 2, -9),
    ("0.0000000001", 1, -9),
    ("0.0000000005", 1, -9),
    ("0.00000000050", 1, -9),
    ("0.5e-9", 1, -9),
    ("0.9n", 1, -9),
    ("0.00000012345", 124, -9),
    ("0.00000012354", 124, -9),
    ("12E", 12, 18),
    ("100.035Ki", 10_243_584, -2),
    ("0.5Mi", 524_288, 0),
    ("0.05Gi", 536_870_912, -1),
    ("0.025Ti", 274_877_906_944, -1),
    ("0.000000000001Ki", 2, -9),
    (".001", 1, -3),
    (".0001k", 100, -3),
    ("1.", 1, 0),
    ("1.G", 1, 9),
];

#[test]
fn a_quantity_is_read_as_kubernetes_reads_it() {
    for (text, digits, power) in KUBERNETES {
        let scale = 10_i128.pow(u32::try_from(power + 9).unwrap());
        for (sign, factor) in [("", 1), ("+", 1), ("-", -1)] {
            let read = format!("{sign}{text}").parse::<Quantity>().unwrap();
            assert_eq!(read.nanos(), factor * digits * scale, "{sign}{text}");
        }
    }
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
#[case("1.1.M")]
#[case("1+1.0M")]
#[case("0.1mi")]
#[case("0.1am")]
#[case(".5i")]
#[case("1i")]
#[case("-3.01i")]
#[case("-3.01e-")]
#[case("1 ")]
#[case("1e4294967297")] // an exponent that fits no int32
#[case("1e-2147483649")]
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

//! Writes past samples into a running Prometheus, stale markers too, which no file format of promtool can hold.
//!
//! Remote write 1.0 is one message in Protocol Buffers, in a Snappy block. Both are so simple for this one message that
//! they are written here: `prompb/remote.proto`, and a Snappy block that is a single literal.

use jiff::SignedDuration;
use scenario::series::{Point, Series};
use scenario::time;

/// `model/value/value.go`: the NaN that means the end of a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Writes series whose zero lies so long after that of virtual time.
pub(crate) async fn load(url: &str, series: &[Series], zero: SignedDuration) {
    let message: Vec<u8> = series
        .iter()
        .flat_map(|series| field(1, &time_series(series, zero)))
        .collect();
    let request = reqwest::Client::new()
        .post(format!("{url}/api/v1/write"))
        .header("content-encoding", "snappy")
        .header("content-type", "application/x-protobuf")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .body(literal(&message));
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
}

/// Labels (1, sorted by name) and samples (2).
fn time_series(series: &Series, zero: SignedDuration) -> Vec<u8> {
    let text = |number, text: &String| field(number, text.as_bytes());
    let labels = series
        .labels
        .iter()
        .map(|(name, value)| [text(1, name), text(2, value)].concat());
    let samples = series.points.iter().map(|(at, point)| {
        let bits = match point {
            Point::Value(value) => value.to_bits(),
            Point::Stale => STALE,
        };
        let milliseconds = time::timestamp(zero + *at).as_millisecond();
        // The value is a double (1), the time a varint (2).
        [
            vec![1 << 3 | 1],
            bits.to_le_bytes().to_vec(),
            vec![2 << 3],
            varint(milliseconds.unsigned_abs()),
        ]
        .concat()
    });
    let labels = labels.flat_map(|label| field(1, &label));
    labels.chain(samples.flat_map(|sample| field(2, &sample))).collect()
}

/// A field with a length: text, or a message within a message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(length(content)), content.to_vec()].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A Snappy block: the length, and one literal with a length of four bytes.
fn literal(content: &[u8]) -> Vec<u8> {
    let last = u32::try_from(content.len() - 1).unwrap();
    [
        varint(length(content)),
        vec![63 << 2],
        last.to_le_bytes().to_vec(),
        content.to_vec(),
    ]
    .concat()
}

fn length(content: &[u8]) -> u64 {
    u64::try_from(content.len()).unwrap()
}

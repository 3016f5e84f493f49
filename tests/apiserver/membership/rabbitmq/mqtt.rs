//! A client of MQTT 3.1.1 with quality of service 1, as much of it as the test needs.
//!
//! Source: the OASIS standard "MQTT Version 3.1.1", chapters 2 and 3.

use std::io::{Error, Result};
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For one packet: a message has to come from where it is stored, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const PUBLISH_ONCE_AT_LEAST: u8 = 0x32;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const DISCONNECT: u8 = 0xe0;

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    /// Whether the server knew it.
    pub(super) had_session: bool,
    last: u16,
}

impl Client {
    pub(super) async fn connect(address: Ipv4Addr, identifier: &str, clean: bool) -> Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect((address, 1883))).await??;
        let mut client = Self {
            stream,
            had_session: false,
            last: 0,
        };
        // With a name and a password; they are checked for life every minute.
        let flags = 0xc0 | if clean { 2 } else { 0 };
        let head = [&text("MQTT")[..], &[4, flags, 0, 60]].concat();
        let body = [head, text(identifier), text("guest"), text("guest")].concat();
        client.send(CONNECT, &body).await?;
        let answer = client.expect(CONNACK).await?;
        if answer.get(1) != Some(&0) {
            return Err(Error::other(format!("refused: {answer:?}")));
        }
        client.had_session = answer[0] == 1;
        Ok(client)
    }

    pub(super) async fn subscribe(&mut self, topic: &str) -> Result<()> {
        let body = [&self.number()[..], &text(topic), &[1]].concat();
        self.send(SUBSCRIBE, &body).await?;
        self.expect(SUBACK).await.map(|_| ())
    }

    /// Waits for the acknowledgement.
    pub(super) async fn publish(&mut self, topic: &str, message: &str) -> Result<()> {
        let number = self.number();
        let body = [&text(topic)[..], &number, message.as_bytes()].concat();
        self.send(PUBLISH_ONCE_AT_LEAST, &body).await?;
        let answer = self.expect(PUBACK).await?;
        assert_eq!(answer, number);
        Ok(())
    }

    /// The next message, which is acknowledged.
    pub(super) async fn receive(&mut self) -> Result<String> {
        let body = self.expect(PUBLISH).await?;
        let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let (head, message) = body.split_at(2 + topic + 2);
        self.send(PUBACK, &head[2 + topic..]).await?;
        Ok(String::from_utf8_lossy(message).into_owned())
    }

    pub(super) async fn disconnect(mut self) -> Result<()> {
        self.send(DISCONNECT, &[]).await?;
        // Until the server has seen it.
        let mut rest = Vec::new();
        timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await?.map(|_| ())
    }

    fn number(&mut self) -> [u8; 2] {
        self.last += 1;
        self.last.to_be_bytes()
    }

    async fn send(&mut self, kind: u8, body: &[u8]) -> Result<()> {
        let mut packet = vec![kind];
        let mut length = body.len();
        loop {
            let digit = u8::try_from(length % 128).expect("it is below 128");
            length /= 128;
            packet.push(if length > 0 { digit | 0x80 } else { digit });
            if length == 0 {
                break;
            }
        }
        packet.extend_from_slice(body);
        timeout(PATIENCE, self.stream.write_all(&packet)).await?
    }

    async fn expect(&mut self, kind: u8) -> Result<Vec<u8>> {
        let (found, body) = timeout(PATIENCE, self.packet()).await??;
        if found & 0xf0 == kind & 0xf0 {
            return Ok(body);
        }
        Err(Error::other(format!(
            "a packet {found:#x} instead of {kind:#x}: {body:?}"
        )))
    }

    async fn packet(&mut self) -> Result<(u8, Vec<u8>)> {
        let kind = self.stream.read_u8().await?;
        let (mut length, mut factor) = (0, 1);
        loop {
            let digit = self.stream.read_u8().await?;
            length += usize::from(digit & 0x7f) * factor;
            factor *= 128;
            if digit & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((kind, body))
    }
}

/// With its length before it.
fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("texts are short here");
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

use std::io::ErrorKind;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// A connection, its stream as the server has it, and the client's end, which takes 16 bytes before it has to read.
struct Pair {
    connection: Rc<Connection>,
    server: Guarded<DuplexStream>,
    client: DuplexStream,
    stopping: CancellationToken,
}

impl Pair {
    fn new(protocol: Protocol) -> Self {
        let (client, server) = duplex(16);
        let connection = Connection::new(protocol, Protection::None);
        let stopping = CancellationToken::new();
        let server = Guarded::new(server, connection.clone(), stopping.clone());
        Self { connection, server, client, stopping }
    }

    /// How long the server waits for the next byte until it gives up. (Time passes at once when all wait.)
    async fn gives_up_after(&mut self) -> u64 {
        let begun = Stopwatch::start();
        assert_eq!(self.server.read_u8().await.unwrap_err().kind(), ErrorKind::TimedOut);
        begun.elapsed().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_asked_is_kept_for_a_while() {
    assert_eq!(Pair::new(Protocol::Http1).gives_up_after().await, IDLE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_later_request_cannot_be_sent_any_slower_than_the_first() {
    let mut pair = Pair::new(Protocol::Http1);
    pair.client.write_u8(b'G').await.unwrap();
    pair.server.read_u8().await.unwrap();
    drop(pair.connection.begin());
    pair.client.write_u8(b'G').await.unwrap();
    pair.server.read_u8().await.unwrap();
    tokio::time::advance(TIME_TO_ASK / 2).await;
    pair.client.write_u8(b'E').await.unwrap();
    pair.server.read_u8().await.unwrap();
    assert_eq!(pair.gives_up_after().await, (TIME_TO_ASK / 2).as_secs(), "a byte now and then gains no time");
}

#[tokio::test(start_paused = true)]
async fn what_comes_between_requests_of_http2_is_no_request() {
    let mut pair = Pair::new(Protocol::Http2);
    pair.client.write_u8(b'P').await.unwrap();
    pair.server.read_u8().await.unwrap();
    assert_eq!(pair.gives_up_after().await, IDLE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn while_a_request_is_under_way_it_is_not_waited_for_another() {
    let mut pair = Pair::new(Protocol::Http1);
    let request = pair.connection.begin();
    let begun = Stopwatch::start();
    let ends = async {
        tokio::time::sleep_until(begun.after(Duration::from_secs(3600))).await;
        drop(request);
    };
    let (waited, ()) = tokio::join!(pair.gives_up_after(), ends);
    assert_eq!(waited, 3600 + IDLE.as_secs(), "the end of the request wakes who waits");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_answer_is_given_up() {
    let mut pair = Pair::new(Protocol::Http1);
    let _request = pair.connection.begin();
    let begun = Stopwatch::start();
    assert_eq!(pair.server.write_all(&[0; 17]).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), STALLED.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_its_answer_slowly_but_takes_it_gets_it() {
    let mut pair = Pair::new(Protocol::Http1);
    let _request = pair.connection.begin();
    let takes = async {
        let begun = Stopwatch::start();
        for part in 1..=10 {
            tokio::time::sleep_until(begun.after(STALLED / 2 * part)).await;
            pair.client.read_exact(&mut [0; 16]).await.unwrap();
        }
    };
    let (written, ()) = tokio::join!(pair.server.write_all(&[0; 160]), takes);
    written.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up_by_who_only_reads_too() {
    let mut pair = Pair::new(Protocol::Http1);
    let _request = pair.connection.begin();
    pair.server.write_all(&[0; 16]).await.unwrap();
    assert!(pair.server.write_u8(0).now_or_never().is_none(), "the client's buffer is full");
    assert_eq!(pair.gives_up_after().await, STALLED.as_secs());
}

#[tokio::test(start_paused = true)]
async fn when_the_service_stops_what_is_under_way_is_finished_and_nothing_else_is_waited_for() {
    let mut pair = Pair::new(Protocol::Http1);
    let request = pair.connection.begin();
    pair.stopping.cancel();
    assert!(pair.server.read_u8().now_or_never().is_none(), "a request is under way");
    drop(request);
    assert_eq!(pair.server.read_u8().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

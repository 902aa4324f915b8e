use std::cell::Cell;
use std::rc::Rc;

use actix_web::{App, web};
use h2::Ping;
use tokio::io::duplex;
use tokio::net::UnixStream;
use tokio::sync::Notify;

use super::*;
use crate::http::connection::{Protection, Protocol};

#[actix_web::test]
async fn who_ends_requests_at_once_has_no_more_under_way_than_who_does_not() {
    let begun = Rc::new((Cell::new(0), Notify::new()));
    let counted = begun.clone();
    let app = App::new().default_service(web::to(move || {
        let begun = counted.clone();
        async move {
            begun.0.set(begun.0.get() + 1);
            begun.1.notify_one();
            std::future::pending::<&'static str>().await
        }
    }));
    let site = Site::new(actix_web::test::init_service(app).await);
    let (client, server) = duplex(64 * 1024);
    let stopping = CancellationToken::new();
    let connection = Connection::new(Protocol::Http2, Protection::None);
    let server = Guarded::new(server, connection.clone(), stopping.clone());
    let served = actix_web::rt::spawn(async move { serve(server, &site, ([127, 0, 0, 1], 1).into(), stopping).await });
    let (requests, mut client) = h2::client::handshake(client).await.unwrap();
    let mut pings = client.ping_pong().unwrap();
    let client = actix_web::rt::spawn(client);

    let begin = async || {
        let request = http::Request::get("https://localhost/").body(()).unwrap();
        let (_, stream) = requests.clone().ready().await.unwrap().send_request(request, true).unwrap();
        stream
    };
    for number in 1..=MOST_REQUESTS {
        let mut stream = begin().await;
        begun.1.notified().await;
        assert_eq!(begun.0.get(), number);
        stream.send_reset(Reason::CANCEL);
    }
    // Fewer than what the protocol itself takes for an attack.
    for _ in 0..10 {
        let mut stream = begin().await;
        // What is sent before a ping is read before it.
        pings.ping(Ping::opaque()).await.unwrap();
        stream.send_reset(Reason::CANCEL);
    }
    pings.ping(Ping::opaque()).await.unwrap();
    assert_eq!((begun.0.get(), connection.under_way()), (MOST_REQUESTS, MOST_REQUESTS));
    client.abort();
    served.abort();
}

#[tokio::test]
async fn who_sends_something_late_can_still_read_the_answer() {
    let (mut client, mut service) = UnixStream::pair().unwrap();
    service.write_all(b"the answer").await.unwrap();
    client.write_all(b"late").await.unwrap();
    let leaving = tokio::spawn(async move { leave(&mut service).await });
    let mut read = String::new();
    client.read_to_string(&mut read).await.expect("the connection ends in order");
    assert_eq!(read, "the answer");
    client.write_all(b"later").await.expect("the connection is still there");
    drop(client);
    assert_eq!(leaving.await.unwrap().unwrap(), 9, "all is taken");
}

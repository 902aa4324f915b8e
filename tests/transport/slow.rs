//! Clients that take their time. The service gives each of them as much as anybody needs, and then ends the connection.

use tokio::net::TcpSocket;

use super::app::TestApp;
use super::wire::{Wire, address, get};

/// Something that a client can leave where it is, of more than a megabyte.
pub const LONG: &str = "/api-docs/swagger-ui-bundle.js";

#[actix_web::test]
async fn who_does_not_finish_what_was_begun_is_not_waited_for() {
    let app = TestApp::start().await;
    let post = "POST /api/v1/autoscaling HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let nothing = async {
        let answers = Wire::to(&app).await.answers().await;
        assert!(answers.iter().all(|answer| answer.status == 408), "{answers:?}");
    };
    let first_head = async {
        let mut wire = Wire::to(&app).await;
        wire.send("GET /healthz HTTP/1.1\r\n").await;
        assert_eq!(wire.answer().await.unwrap().status, 408);
        assert!(wire.answer().await.is_none());
    };
    let later_head = async {
        let mut wire = Wire::to(&app).await;
        assert_eq!(wire.ask("/healthz").await.status, 200);
        wire.send("GET /healthz HTTP/1.1\r\n").await;
        assert!(wire.answer().await.is_none());
    };
    let body = async {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("{post}content-length: 100\r\n\r\n{{")).await;
        assert_eq!(wire.answer().await.unwrap().status, 408);
        assert!(wire.answer().await.is_none());
    };
    let body_that_nobody_reads = async {
        let mut wire = Wire::to(&app).await;
        wire.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n").await;
        assert_eq!(wire.answer().await.unwrap().status, 200);
        wire.send("x\r\n1\r\n").await;
        assert!(wire.answer().await.is_none());
    };
    tokio::join!(nothing, first_head, later_head, body, body_that_nobody_reads);
    app.stop().await;
}

#[actix_web::test]
async fn many_who_send_a_byte_now_and_then_keep_nobody_out() {
    let app = TestApp::start().await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut wire = Wire::to(&app).await;
        wire.send("GET /healthz HTTP/1.1\r\nx: ").await;
        slow.push(wire);
    }
    assert_eq!(Wire::to(&app).await.ask("/healthz").await.status, 200);
    for wire in slow {
        let answers = wire.answers().await;
        assert!(answers.iter().all(|answer| answer.status == 408), "{answers:?}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn who_does_not_read_an_answer_keeps_no_place() {
    let settings = "[http]\nmax_connections_per_address = 1\n";
    let app = TestApp::start_configured(&Default::default(), 1.0, settings, |_| {}).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut idle = Wire::over(socket.connect(address(&app).parse().unwrap()).await.unwrap());
    // The one place is taken now, until the service sees that nobody reads.
    assert_eq!(idle.ask("/healthz").await.status, 200);
    idle.send(get(LONG).repeat(10)).await;
    app.eventually("the place is free", async || Wire::to(&app).await.answer_to(&get("/healthz")).await).await;
    let read = idle.end().await.len();
    assert!(read < 10_000_000, "the rest was never sent: {read}");
    app.stop().await;
}

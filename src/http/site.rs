//! The application as connections see it: a request in, an answer out, whatever the protocol is.

use std::rc::Rc;

use actix_http::{HttpMessage, Request, Response};
use actix_service::Service;
use actix_service::boxed::{self, BoxService};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;

use super::connection::{LastPart, Protection, UnderWay};
use super::protection;

/// The application.
pub struct Site(BoxService<Request, Response<BoxBody>, actix_web::Error>);

impl Site {
    /// The site of a service that actix made from an `App`.
    pub fn new<S, B>(app: S) -> Rc<Self>
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        let app = Rc::new(app);
        Rc::new(Self(boxed::service(actix_service::fn_service(move |request| {
            let app = app.clone();
            async move { Ok(Response::from(app.call(request).await?.map_into_boxed_body())) }
        }))))
    }

    /// Answers a request, which is under way until the answer's body is dropped.
    pub async fn answer(&self, request: Request, under_way: UnderWay) -> Response<BoxBody> {
        let connection = under_way.connection().clone();
        request.extensions_mut().insert(connection.clone());
        let answer = self.0.call(request).await;
        let mut answer = answer.unwrap_or_else(|error| Response::from(error.error_response()));
        protection::add(answer.headers_mut(), connection.protection != Protection::None);
        answer.map_body(|_, body| BoxBody::new(LastPart::new(body, under_way)))
    }
}

//! The body of a long answer, given piece by piece. Given as a whole it would be copied as a whole for each connection, and
//! stay in its memory until the client has taken it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

/// The size of a piece: as much as actix has waiting for a client at most.
const PIECE: usize = 32 * 1024;

/// What is left of a text.
#[derive(Debug)]
pub struct Slices(Bytes);

impl From<Bytes> for Slices {
    fn from(text: Bytes) -> Self {
        Self(text)
    }
}

impl MessageBody for Slices {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len().try_into().unwrap_or(u64::MAX))
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let length = self.0.len().min(PIECE);
        let piece = self.0.split_to(length);
        Poll::Ready(if piece.is_empty() { None } else { Some(Ok(piece)) })
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        if self.0.len() <= PIECE { Ok(self.0) } else { Err(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn the_pieces_are_the_whole() {
        for length in [0, 1, PIECE, PIECE + 1, 5 * PIECE] {
            let text: Bytes = (0..length).map(|index| (index % 251) as u8).collect();
            let (mut slices, mut joined) = (Slices::from(text.clone()), Vec::new());
            assert_eq!(slices.size(), BodySize::Sized(length as u64));
            while let Some(piece) = std::future::poll_fn(|cx| Pin::new(&mut slices).poll_next(cx)).await {
                let piece = piece.unwrap();
                assert!(piece.len() <= PIECE);
                joined.extend(piece);
            }
            assert_eq!(joined, text);
        }
    }
}

//! What answers say to browsers, whatever they are answers to.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap,
    HeaderName, HeaderValue, PERMISSIONS_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};

/// What a page of the service may do: run and show its own files, and ask the service. Nothing inline, nothing from
/// elsewhere, and nobody may put it into a frame.
const PAGES: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                     font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a page of the service may use of the machine: the clipboard, to copy a text, and nothing else of what browsers give
/// unless they are told not to.
const MACHINE: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), \
                       display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), \
                       hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), \
                       microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), \
                       publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()";

/// For a year, of this name alone: others of the domain are not the service's business.
const ONLY_TLS: &str = "max-age=31536000";

/// How many headers every answer has.
const COUNT: usize = 7;

/// What every answer says. Values are checked byte by byte when they are made, which is done here, once.
const ALWAYS: [(HeaderName, HeaderValue); COUNT] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGES)),
    (PERMISSIONS_POLICY, HeaderValue::from_static(MACHINE)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
    (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
];

/// Adds it to the headers of an answer, which came over TLS or not.
pub fn add(headers: &mut HeaderMap, is_tls: bool) {
    // One more for TLS, and one for caches.
    headers.reserve(COUNT + 2);
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    if is_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_TLS));
    }
    // The dashboard's files say that they can be kept, and how that is checked. Nothing else is to stay in a browser.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_not_kept_unless_it_says_that_it_can_be() {
        let mut headers = HeaderMap::new();
        add(&mut headers, false);
        assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "no-store");
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY), "this name may have no TLS");
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        add(&mut headers, true);
        assert_eq!(headers.get_all(CACHE_CONTROL).collect::<Vec<_>>(), ["no-cache"]);
        assert!(headers.contains_key(STRICT_TRANSPORT_SECURITY));
    }
}

//! Requests that are wrong in themselves, whatever the state of the fleet.

use http::StatusCode;
use http_api::problem::FieldError;

use super::{EVERY_PROCESS, Kind, as_is, soon};

pub const KINDS: &[Kind] = &[
    Kind {
        slug: "malformed-body",
        status: StatusCode::BAD_REQUEST,
        from: EVERY_PROCESS,
        meaning: "The body of the request is not JSON, or it ended before it was complete. Nothing was \
                  done.",
        remedy: "Correct the body. `detail` names the place of the error in it. If the connection broke, \
                 send the request again.",
        instance: "/books",
        detail: "The body ended before it was complete.",
        complete: as_is,
    },
    Kind {
        slug: "invalid-host",
        status: StatusCode::BAD_REQUEST,
        from: "gateway",
        meaning: "The header `Host` is missing, sent more than once, or malformed. Nothing was done.",
        remedy: "Send exactly one `Host`: a name or an address, optionally with a port. HTTP clients do \
                 this themselves, so a proxy between the client and the gateway may be the cause.",
        instance: "/books",
        detail: "Host is missing; send exactly one, such as `Host: cinema.example:8088`.",
        complete: as_is,
    },
    Kind {
        slug: "staff-only",
        status: StatusCode::FORBIDDEN,
        from: "book, gateway",
        meaning: "Only staff may send this request, and it has no staff token or a wrong one. Nothing was \
                  done.",
        remedy: "Send the token in the header `X-Staff-Token`. The operator sets it as `STAFF_TOKEN`; if \
                 it is not set, no token is right.",
        instance: "/screenings",
        detail: "Only staff may do this. Send the staff token in the header X-Staff-Token.",
        complete: as_is,
    },
    Kind {
        slug: "foreign-origin",
        status: StatusCode::FORBIDDEN,
        from: "services that listen on a loopback address",
        meaning: "A web page of another host sent a request that changes something. The service rejects \
                  it, so that no page that you visit can use the services on your machine. Nothing was \
                  done.",
        remedy: "Send the request to the gateway, or have the operator add the page's host to \
                 `ALLOWED_HOSTS`.",
        instance: "/books",
        detail: "Pages from \"https://evil.example\" may not send requests that change data. The operator \
                 can add their host to ALLOWED_HOSTS.",
        complete: as_is,
    },
    Kind {
        slug: "not-found",
        status: StatusCode::NOT_FOUND,
        from: EVERY_PROCESS,
        meaning: "Nothing has this id, or nothing is served at this path. A value that cannot be an id \
                  counts as unknown.",
        remedy: "Check the path; `/api` links to every route. Tickets and mypages are made from events, so \
                 one that belongs to a new booking may appear a moment later.",
        instance: "/books/99",
        detail: "There is no booking with the id 99.",
        complete: as_is,
    },
    Kind {
        slug: "method-not-allowed",
        status: StatusCode::METHOD_NOT_ALLOWED,
        from: EVERY_PROCESS,
        meaning: "The path exists, but it does not support the method of the request. Through the gateway, \
                  payments and points can only be read, because only the fleet itself charges and grants \
                  points.",
        remedy: "Use a method that the header `Allow` of the answer lists.",
        instance: "/payments",
        detail: "/payments does not support POST.",
        complete: as_is,
    },
    Kind {
        slug: "body-timeout",
        status: StatusCode::REQUEST_TIMEOUT,
        from: EVERY_PROCESS,
        meaning: "The body of the request arrived too slowly. Nothing was done.",
        remedy: "Send the request again, with its whole body at once.",
        instance: "/books",
        detail: "The body arrived too slowly: it may take at most 30000 ms, and after 5 s its average rate \
                 must be at least 1024 bytes a second.",
        complete: as_is,
    },
    Kind {
        slug: "body-too-large",
        status: StatusCode::PAYLOAD_TOO_LARGE,
        from: EVERY_PROCESS,
        meaning: "The body of the request is larger than this route accepts. Nothing was done.",
        remedy: "Send a smaller body; `detail` names the limit. It is 16 KiB, and 256 KiB for `POST \
                 /screenings`.",
        instance: "/books",
        detail: "The body of this request may have at most 16384 bytes.",
        complete: as_is,
    },
    Kind {
        slug: "unsupported-media-type",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        from: EVERY_PROCESS,
        meaning: "The body of the request is not declared as JSON, or it is compressed. Nothing was done.",
        remedy: "Send `Content-Type: application/json`, and no `Content-Encoding`.",
        instance: "/books",
        detail: "The body must be JSON: send Content-Type: application/json.",
        complete: as_is,
    },
    Kind {
        slug: "misdirected-request",
        status: StatusCode::MISDIRECTED_REQUEST,
        from: EVERY_PROCESS,
        meaning: "The request names a host that this process does not serve. Nothing was done.",
        remedy: "Use an address that the operator publishes, or have the operator add the host to \
                 `ALLOWED_HOSTS`.",
        instance: "/books",
        detail: "This process does not serve the host \"cinema.example\". Its operator can add the host to \
                 ALLOWED_HOSTS.",
        complete: as_is,
    },
    Kind {
        slug: "invalid-field",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        from: EVERY_PROCESS,
        meaning: "A field of the body, a query parameter or a header has a wrong value, or a required one \
                  is missing. Nothing was done.",
        remedy: "Correct what `errors` names. It lists every wrong field by its JSON pointer, with the \
                 reason; a query parameter is a pointer with its name.",
        instance: "/books",
        detail: "Wrong or missing: qty.",
        complete: |problem| problem.with_errors(vec![FieldError::new("qty", "must be from 1 to 20")]),
    },
    Kind {
        slug: "not-supported",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        from: "every service",
        meaning: "A list cannot be sorted or narrowed by this parameter. It would be ignored, and the \
                  whole list would look like the answer.",
        remedy: "Omit the parameters that `errors` names. To find what belongs to a booking, use \
                 `/search/findByBookingId?bookingId=` of the list.",
        instance: "/books",
        detail: "This list does not support these parameters: sort.",
        complete: |problem| problem.with_errors(vec![FieldError::new("sort", "is not supported")]),
    },
    Kind {
        slug: "rate-limited",
        status: StatusCode::TOO_MANY_REQUESTS,
        from: "gateway, book",
        meaning: "Your address sent too many requests, or too many wrong staff tokens. This request was \
                  not processed.",
        remedy: "Wait as many seconds as `Retry-After` says, and send the request again. Each further \
                 wrong token doubles the wait, up to 64 seconds.",
        instance: "/books",
        detail: "Too many requests from your address. This request was not processed; send it again later.",
        complete: soon,
    },
];

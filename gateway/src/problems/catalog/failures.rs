//! Requests that a process could not complete, or did not begin.

use http::StatusCode;

use super::{EVERY_PROCESS, Kind, as_is, soon};

pub const KINDS: &[Kind] = &[
    Kind {
        slug: "internal",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        from: EVERY_PROCESS,
        meaning: "The process failed because of a bug. Whether the request took effect is unknown.",
        remedy: "Check the state before you repeat the request. Report the `traceId`: the cause is in the \
                 logs under it, and never in the answer.",
        instance: "/books",
        detail: "An internal error occurred. Its cause is in the logs, under the trace id.",
        complete: as_is,
    },
    Kind {
        slug: "injected-fault",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        from: "processor, the sandbox payment provider",
        meaning: "The sandbox provider failed on purpose, because the setting `PAYMENT_FAULTS` asks for \
                  it. The request may have been processed.",
        remedy: "Send the same request again: its reference prevents a second charge. Customers never get \
                 this answer.",
        instance: "/v1/payments/example-booking-1",
        detail: "This response failed on purpose, as configured by PAYMENT_FAULTS. The request may have \
                 been processed.",
        complete: as_is,
    },
    Kind {
        slug: "upstream-broken",
        status: StatusCode::BAD_GATEWAY,
        from: "gateway",
        meaning: "The connection to the service broke before its answer was complete, or the answer was \
                  not HTTP. The service may or may not have processed the request.",
        remedy: "Check the state before you repeat the request. A `POST /books` with an `Idempotency-Key` \
                 can be repeated without booking twice.",
        instance: "/books",
        detail: "book did not send a valid response. It may or may not have processed the request.",
        complete: as_is,
    },
    Kind {
        slug: "unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        from: "every service",
        meaning: "The database of the service is unreachable, or it refuses writes. Nothing was done.",
        remedy: "Send the same request again after `Retry-After` seconds.",
        instance: "/books",
        detail: "The database is not available at the moment.",
        complete: soon,
    },
    Kind {
        slug: "overloaded",
        status: StatusCode::SERVICE_UNAVAILABLE,
        from: EVERY_PROCESS,
        meaning: "The process is at the limit of its concurrent requests, or a backup is being taken. The \
                  request was not processed.",
        remedy: "Send the same request again after `Retry-After` seconds.",
        instance: "/books",
        detail: "The service is overloaded. The request was not processed; send it again later.",
        complete: soon,
    },
    Kind {
        slug: "payment-unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        from: "book, payment",
        meaning: "Payment cannot be reached, and no more unpaid bookings can be held. Nothing was booked, \
                  and nothing was charged.",
        remedy: "Send the same request again after `Retry-After` seconds.",
        instance: "/books",
        detail: "Payment is unavailable at the moment. Nothing was booked; please try again in a few \
                 seconds.",
        complete: |problem| problem.retry_after(5),
    },
    Kind {
        slug: "points-unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        from: "ticket",
        meaning: "A ticket is collected together with its points, and these cannot be granted at the \
                  moment. The ticket is not collected yet. If the request reached the point service, the \
                  collection completes by itself.",
        remedy: "Send the same request again after `Retry-After` seconds. The points are granted once, \
                 however often you repeat it.",
        instance: "/tickets/1",
        detail: "The ticket was not collected, because its points cannot be granted at the moment. Please \
                 try again later.",
        complete: |problem| problem.retry_after(5),
    },
    Kind {
        slug: "upstream-unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        from: "gateway",
        meaning: "The gateway cannot connect to the service. The service did not get the request.",
        remedy: "Send the same request again after `Retry-After` seconds. `/status` shows which services \
                 are up.",
        instance: "/books",
        detail: "book is unreachable. The request was not sent to it; you can send it again.",
        complete: soon,
    },
    Kind {
        slug: "audit-unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        from: "gateway",
        meaning: "The audit could not read the records of a service. It changes nothing, and it found \
                  nothing.",
        remedy: "Check `/status`, and send the request again after `Retry-After` seconds.",
        instance: "/audit",
        detail: "A service does not respond.",
        complete: |problem| problem.retry_after(10),
    },
    Kind {
        slug: "audit-in-progress",
        status: StatusCode::SERVICE_UNAVAILABLE,
        from: "gateway",
        meaning: "Another audit is running, and a gateway runs one at a time.",
        remedy: "Send the request again after `Retry-After` seconds.",
        instance: "/audit",
        detail: "Another audit is running. Please try again shortly.",
        complete: |problem| problem.retry_after(10),
    },
    Kind {
        slug: "upstream-timeout",
        status: StatusCode::GATEWAY_TIMEOUT,
        from: "gateway",
        meaning: "The service did not answer in time. It may or may not have processed the request.",
        remedy: "Check the state before you repeat the request. A `POST /books` with an `Idempotency-Key` \
                 can be repeated without booking twice.",
        instance: "/books",
        detail: "book did not respond in time. It may or may not have processed the request.",
        complete: as_is,
    },
    Kind {
        slug: "outcome-unknown",
        status: StatusCode::GATEWAY_TIMEOUT,
        from: "every service",
        meaning: "The request may have taken effect, but its outcome is not known: the connection to the \
                  database broke during the commit, or another service or the payment provider did not \
                  answer.",
        remedy: "Send the same request again to find out. A booking has one payment, one ticket and one \
                 award of points, so no money or points move twice. Send a `POST /books` with the same \
                 `Idempotency-Key`; without a key, look for the booking first.",
        instance: "/tickets/1",
        detail: "The points may have been granted, but the database did not record the outcome. Send the \
                 same request again to find out.",
        complete: soon,
    },
    Kind {
        slug: "deadline-exceeded",
        status: StatusCode::GATEWAY_TIMEOUT,
        from: EVERY_PROCESS,
        meaning: "The request took longer than its caller waits, as the caller's header \
                  `X-Request-Timeout-Ms` says. Work that the request began may still complete.",
        remedy: "Check the state before you repeat the request, or allow it more time.",
        instance: "/payments",
        detail: "The request took longer than its caller allows. Work that it began may still complete.",
        complete: as_is,
    },
];

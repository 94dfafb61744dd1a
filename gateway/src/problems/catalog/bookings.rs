//! Valid requests that the state of bookings, payments, tickets and screenings forbids.

use http::StatusCode;
use http_api::problem::FieldError;

use super::{Kind, as_is, soon};

pub const KINDS: &[Kind] = &[
    Kind {
        slug: "payment-declined",
        status: StatusCode::PAYMENT_REQUIRED,
        from: "book, payment",
        meaning: "The payment provider declined the payment. Nothing was charged, the booking has ended, \
                  and its places are free again.",
        remedy: "Book again, and pay in another way. A request with the same `Idempotency-Key` gets this \
                 answer again, so use a new key.",
        instance: "/books",
        detail: "The payment was declined. The booking has ended, and its places are released.",
        complete: as_is,
    },
    Kind {
        slug: "seat-taken",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "At least one of the seats is sold, or held for another booking. Nothing was booked, not \
                  even the seats that are free.",
        remedy: "Choose other seats. `seats` lists exactly those that are taken, and \
                 `/screenings/{id}/seats` shows the state of every seat. A held seat is free again if its \
                 booking is not paid in time.",
        instance: "/books",
        detail: "These seats are already taken: 1A. Nothing was booked.",
        complete: |problem| {
            let errors = vec![FieldError::new("seat", "1A is already taken")];
            problem.with_errors(errors).with("seats", vec!["1A"])
        },
    },
    Kind {
        slug: "sold-out",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "The screening has no numbered seats, and fewer places are left than were requested. \
                  Nothing was booked.",
        remedy: "Request fewer places, or choose another screening. `placesLeft` of `/screenings/{id}` is \
                 the number that is left.",
        instance: "/books",
        detail: "There are not enough places left. Nothing was booked.",
        complete: as_is,
    },
    Kind {
        slug: "too-many-places",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "With this booking, the customer would have more places of one screening than a customer \
                  may book. Nothing was booked.",
        remedy: "Request fewer places; `detail` names the limit. Places of canceled bookings do not count.",
        instance: "/books",
        detail: "A customer can book at most 10 places for one screening.",
        complete: as_is,
    },
    Kind {
        slug: "too-many-held",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "Payment is unavailable, and the customer already has the maximum number of unpaid \
                  bookings that are held. Nothing was booked.",
        remedy: "Pay for a held booking, or cancel one. Otherwise, send the request again after \
                 `Retry-After` seconds.",
        instance: "/books",
        detail: "Payment is unavailable at the moment, and you already have the maximum number of unpaid \
                 bookings. Nothing was booked.",
        complete: |problem| problem.retry_after(5),
    },
    Kind {
        slug: "screening-started",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "The screening has started. From then on, it cannot be booked, and its bookings can \
                  neither be paid nor canceled.",
        remedy: "Choose a screening that has not started: `/screenings` lists them with `startsAt`.",
        instance: "/books",
        detail: "The screening has already started.",
        complete: as_is,
    },
    Kind {
        slug: "screening-required",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        from: "book",
        meaning: "The movie has screenings, so a booking must name one of them. Nothing was booked.",
        remedy: "Choose a screening at `/screenings?movieName=`, and send its id as `screeningId`.",
        instance: "/books",
        detail: "This movie has screenings. Choose one of them by its screeningId.",
        complete: |problem| {
            let detail = "is required: this movie has screenings";
            problem.with_errors(vec![FieldError::new("screeningId", detail)])
        },
    },
    Kind {
        slug: "request-in-progress",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "The same request, or another attempt to pay for this booking, is being processed.",
        remedy: "Send the request again after `Retry-After` seconds. It then gets the outcome of the first \
                 one.",
        instance: "/books",
        detail: "This request is already in progress. Please try again in a moment.",
        complete: soon,
    },
    Kind {
        slug: "idempotency-key-reused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        from: "book, payment",
        meaning: "The `Idempotency-Key` belongs to another request of the last 24 hours. This request was \
                  not processed.",
        remedy: "Use a new key for a new request. To repeat the earlier request, send the same body as \
                 before.",
        instance: "/books",
        detail: "This Idempotency-Key was already used with a different body.",
        complete: as_is,
    },
    Kind {
        slug: "hold-expired",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "The booking was held until `heldUntil` and was not paid by then. It has ended, and its \
                  places are free again. If a payment was on its way, it is refunded.",
        remedy: "Book again.",
        instance: "/books/1/payment",
        detail: "The booking was not paid in time, and its places have been released.",
        complete: as_is,
    },
    Kind {
        slug: "booking-canceled",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "The booking was canceled, perhaps while it was being paid. Any payment is refunded.",
        remedy: "Book again if you still want the seats.",
        instance: "/books/1/payment",
        detail: "The booking was canceled. Any payment is refunded.",
        complete: as_is,
    },
    Kind {
        slug: "booking-declined",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "The booking cannot be canceled, because it ended when its payment was declined. Nothing \
                  was charged.",
        remedy: "Nothing is left to do.",
        instance: "/books/1",
        detail: "The payment was declined, so there is no booking to cancel.",
        complete: as_is,
    },
    Kind {
        slug: "ticket-already-collected",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "The booking cannot be canceled, because its ticket has been collected. The booking stays \
                  as it is.",
        remedy: "Ask the cinema. A booking can be canceled only until its ticket is collected.",
        instance: "/books/1",
        detail: "The ticket has already been collected.",
        complete: as_is,
    },
    Kind {
        slug: "ticket-canceled",
        status: StatusCode::CONFLICT,
        from: "ticket",
        meaning: "The ticket cannot be collected, because its booking was canceled.",
        remedy: "Book again. The payment of the canceled booking is refunded.",
        instance: "/tickets/1",
        detail: "The ticket is void: its booking was canceled.",
        complete: as_is,
    },
    Kind {
        slug: "theatre-taken",
        status: StatusCode::CONFLICT,
        from: "book",
        meaning: "Another screening is in that hall at that time, or it ends or begins too close to it. \
                  The screening was not announced.",
        remedy: "Choose another time or hall. `screeningId` is the other screening, and `detail` says how \
                 long it occupies the hall. Between two screenings, the hall stays empty for \
                 `TURNOVER_MINUTES`.",
        instance: "/screenings",
        detail: "Screening 5 (soul) occupies that hall from 2026-12-01T19:30:00Z to 2026-12-01T21:30:00Z, \
                 and the hall must stay empty for some time before and after it.",
        complete: |problem| problem.with("screeningId", 5),
    },
    Kind {
        slug: "payment-conflict",
        status: StatusCode::CONFLICT,
        from: "payment",
        meaning: "The booking was already paid with another price. This request charged nothing.",
        remedy: "Only the fleet itself calls `POST /payments`. Compare the price with that of the payment \
                 that exists.",
        instance: "/payments",
        detail: "The booking was already charged a different price.",
        complete: as_is,
    },
    Kind {
        slug: "booking-voided",
        status: StatusCode::CONFLICT,
        from: "payment",
        meaning: "The booking was canceled or has ended unpaid, so it can no longer be paid. This request \
                  charged nothing.",
        remedy: "Only the fleet itself calls `POST /payments`. A customer can book again.",
        instance: "/payments",
        detail: "The booking was canceled, so it can no longer be paid.",
        complete: as_is,
    },
    Kind {
        slug: "amount-conflict",
        status: StatusCode::CONFLICT,
        from: "processor, the sandbox payment provider",
        meaning: "The reference of the charge was used before with another amount or currency. This \
                  request charged nothing.",
        remedy: "Use one reference for one charge. To repeat a charge, send the same amount and currency.",
        instance: "/v1/payments/example-booking-1",
        detail: "The reference was used with a different amount or currency. This request charged nothing.",
        complete: as_is,
    },
];

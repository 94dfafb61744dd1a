//! The W3C trace context of a request or an event: it connects the log lines of all processes that one
//! request passes.
//!
//! Format: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::fmt;
use std::future::Future;

use http::HeaderValue;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use uuid::Uuid;

/// The header's name, on HTTP and on events.
pub const TRACEPARENT: &str = "traceparent";
const HEADER_LENGTH: usize = 55;

/// A trace and this process's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

tokio::task_local! {
    static CURRENT: TraceContext;
}

impl TraceContext {
    /// A new trace that starts here. It connects log lines; no span of it is exported.
    pub fn root() -> Self {
        Self { trace_id: Uuid::new_v4().as_u128(), span_id: new_span_id(), flags: 0 }
    }

    /// Returns the context in `header`, or `None` when the header is absent or malformed.
    pub fn of_header(header: Option<&str>) -> Option<Self> {
        header.and_then(Self::parse)
    }

    /// A new place in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: new_span_id(), ..self }
    }

    /// The same place, with no further span exported.
    #[must_use]
    pub fn unsampled(self) -> Self {
        Self { flags: self.flags & !TraceFlags::SAMPLED.to_u8(), ..self }
    }

    /// Whether the spans of the trace are exported.
    pub fn is_sampled(&self) -> bool {
        self.flags & TraceFlags::SAMPLED.to_u8() != 0
    }

    pub(crate) fn to_span_context(self, is_remote: bool) -> SpanContext {
        let (trace, span) = (TraceId::from(self.trace_id), SpanId::from(self.span_id));
        SpanContext::new(trace, span, TraceFlags::new(self.flags), is_remote, TraceState::NONE)
    }

    pub(crate) fn of_span_context(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self {
            trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(context.span_id().to_bytes()),
            flags: context.trace_flags().to_u8(),
        })
    }

    /// Returns the context of the request or event that this task handles, if there is one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Runs `work` with this as the [`current`](Self::current) context.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Returns 32 hexadecimal digits: the `traceId` of logs and problems.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// Returns the value of the header.
    pub fn to_header(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.encode()).expect("a trace context is visible ASCII")
    }

    fn encode(self) -> [u8; HEADER_LENGTH] {
        let mut header = *b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
        Uuid::from_u128(self.trace_id).simple().encode_lower(&mut header[3..35]);
        // A UUID's hexadecimal digits are written several times faster than a number's.
        let mut rest = Uuid::encode_buffer();
        let rest = Uuid::from_u64_pair(self.span_id, self.flags.into()).simple().encode_lower(&mut rest);
        header[36..52].copy_from_slice(&rest.as_bytes()[..16]);
        header[53..55].copy_from_slice(&rest.as_bytes()[30..]);
        header
    }

    fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version_is_known = version == "00" && parts.next().is_none();
        let version_is_later = version.len() == 2 && version > "00" && version < "ff";
        if !(version_is_known || version_is_later)
            || trace.len() != 32
            || span.len() != 16
            || flags.len() != 2
        {
            return None;
        }
        let context = Self {
            trace_id: u128::from_str_radix(trace, 16).ok()?,
            span_id: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (context.trace_id != 0 && context.span_id != 0).then_some(context)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.encode()))
    }
}

/// Returns a random number other than zero, which the format reserves for "invalid".
fn new_span_id() -> u64 {
    Uuid::new_v4().as_u64_pair().1 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn child_keeps_the_trace_and_has_its_own_span() {
        let child = TraceContext::of_header(Some(PARENT)).unwrap().child();
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(child.to_string().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_ne!(child.to_string(), PARENT);
    }

    #[test]
    fn encoding_reverses_parsing() {
        let context = TraceContext::parse(PARENT).unwrap();
        assert_eq!(TraceContext::of_span_context(&context.to_span_context(true)), Some(context));
        assert_eq!(context.to_string(), PARENT);
        assert_eq!(context.to_header(), PARENT);
        let small = TraceContext { trace_id: 0xa, span_id: 0xb, flags: 0xff };
        assert_eq!(small.to_string(), "00-0000000000000000000000000000000a-000000000000000b-ff");
    }

    #[test]
    fn malformed_header_is_ignored() {
        for header in [
            "",
            "00-0-0-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-zzf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::of_header(Some(header)), None, "{header}");
        }
        let root = TraceContext::root();
        assert_eq!(TraceContext::parse(&root.to_string()), Some(root));
    }
}

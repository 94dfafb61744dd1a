//! One exchange: what the client and the upstream do, with a text form of one line.

use std::fmt;
use std::str::FromStr;

/// Declares an enum whose variants have a text form.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant),* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.text() == text).ok_or_else(|| text.to_owned())
            }
        }
    };
}

named! {
    Method {
        Get = "GET", Head = "HEAD", Post = "POST", Put = "PUT", Patch = "PATCH", Delete = "DELETE",
        Options = "OPTIONS",
    }
}

named! {
    /// The target of a request.
    Target {
        /// The upstream, under `/books/`.
        Service = "service",
        /// The upstream's description, for which a gateway sends its own request.
        Document = "document",
        /// The gateway's own routes.
        Status = "status", Docs = "docs", Probe = "probe", Nothing = "nothing",
    }
}

named! {
    /// How much of a request the upstream has read when it answers.
    When { Head = "head", Middle = "middle", Whole = "whole" }
}

named! {
    /// The upstream's answer.
    Form {
        /// 200 with a `Content-Length`.
        Length = "length",
        Chunked = "chunked",
        /// 200 whose body ends with the connection.
        Close = "close",
        NoContent = "204",
        NotModified = "304",
        /// 200, chunked, with a wrong `Content-Length`.
        Both = "both",
        /// 200 with two equal `Content-Length`s.
        Twice = "twice",
        /// 200 in HTTP/1.0 with `Connection: keep-alive`.
        Old = "old",
        /// 200 whose connection closes in the middle of the body.
        Cut = "cut",
        /// The connection is reset, or closed, and no answer comes.
        Reset = "reset", HangUp = "hang-up",
        /// Bytes that are not HTTP.
        Garbage = "garbage",
        /// 101.
        Switch = "101",
        /// No answer until the other end closes.
        Silent = "silent",
    }
}

named! {
    /// What the upstream does with the connection after a complete answer.
    After {
        Keep = "keep",
        /// Announces `Connection: close`, and closes.
        SayClose = "say-close",
        /// Announces `Connection: close`, and continues to read.
        SayOnly = "say-only",
        /// Closes without announcing it.
        Close = "close",
        /// Closes its sending direction, and continues to read.
        HalfClose = "half-close",
        /// Sends an unsolicited answer in the same write.
        Extra = "extra",
        /// Sends an unsolicited 408 a little later, and closes.
        Unasked = "408",
    }
}

named! {
    /// What the client does.
    Leave {
        /// Reads the answer to its end.
        Never = "never",
        /// Stops waiting for the answer.
        Waiting = "waiting",
        /// Stops after the head of the answer.
        Reading = "reading",
        /// Disconnects in the middle of its own request. Only a raw client can.
        Sending = "sending",
        /// Closes its sending direction after the request, and continues to read. Only a raw client can.
        HalfClose = "half-close",
        /// Sends its next request without waiting for the answer. Only a raw client can.
        Pipelines = "pipelines",
    }
}

/// One request, and what happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub target: Target,
    pub method: Method,
    /// Size of the request's body in bytes.
    pub body: usize,
    /// Number of writes in which a raw client sends the request.
    pub writes: usize,
    pub leave: Leave,
    /// Number of 1xx answers before the final one.
    pub interim: usize,
    pub when: When,
    pub form: Form,
    /// Size of the answer's body in bytes, if the form has one.
    pub answer: usize,
    /// Number of writes in which the upstream sends the answer.
    pub pieces: usize,
    pub after: After,
}

impl Exchange {
    pub const PLAIN: Self = Self {
        target: Target::Service,
        method: Method::Get,
        body: 0,
        writes: 1,
        leave: Leave::Never,
        interim: 0,
        when: When::Whole,
        form: Form::Length,
        answer: 100,
        pieces: 1,
        after: After::Keep,
    };

    /// Whether the upstream answers before it has read the whole request.
    pub fn is_early(&self) -> bool {
        self.body > 0 && self.when != When::Whole
    }

    /// Whether the answer has a body on the wire.
    pub fn answer_has_body(&self) -> bool {
        self.method != Method::Head && !matches!(self.form, Form::NoContent | Form::NotModified)
    }

    /// Whether the upstream sends a complete answer.
    pub fn is_answered(&self) -> bool {
        use Form::{Both, Chunked, Close, Length, NoContent, NotModified, Old, Twice};
        matches!(self.form, Length | Chunked | Close | NoContent | NotModified | Both | Twice | Old)
    }

    pub fn status(&self) -> u16 {
        match self.form {
            Form::NoContent => 204,
            Form::NotModified => 304,
            _ => 200,
        }
    }

    /// Whether the upstream closes the connection, or its sending direction, after the answer.
    pub fn closes(&self) -> bool {
        matches!(self.form, Form::Close)
            || matches!(self.after, After::SayClose | After::Close | After::HalfClose | After::Unasked)
    }

    /// Whether a later request on the connection can fail through no fault of the subject.
    pub fn is_treacherous(&self) -> bool {
        self.target == Target::Service
            && matches!(self.after, After::Close | After::HalfClose | After::Extra | After::Unasked)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.text(), self.target.text())?;
        let plain = Self::PLAIN;
        for (name, value, usual) in [
            ("body", self.body, plain.body),
            ("writes", self.writes, plain.writes),
            ("interim", self.interim, plain.interim),
            ("answer", self.answer, plain.answer),
            ("pieces", self.pieces, plain.pieces),
        ] {
            if value != usual {
                write!(f, " {name}={value}")?;
            }
        }
        for (name, value, usual) in [
            ("leave", self.leave.text(), plain.leave.text()),
            ("when", self.when.text(), plain.when.text()),
            ("form", self.form.text(), plain.form.text()),
            ("after", self.after.text(), plain.after.text()),
        ] {
            if value != usual {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Exchange {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let mut exchange = Self::PLAIN;
        exchange.method = words.next().ok_or("no method")?.parse()?;
        exchange.target = words.next().ok_or("no target")?.parse()?;
        for word in words {
            let (name, value) = word.split_once('=').ok_or(word)?;
            let number = || value.parse::<usize>().map_err(|_| word.to_owned());
            match name {
                "body" => exchange.body = number()?,
                "writes" => exchange.writes = number()?,
                "interim" => exchange.interim = number()?,
                "answer" => exchange.answer = number()?,
                "pieces" => exchange.pieces = number()?,
                "leave" => exchange.leave = value.parse()?,
                "when" => exchange.when = value.parse()?,
                "form" => exchange.form = value.parse()?,
                "after" => exchange.after = value.parse()?,
                _ => return Err(word.to_owned()),
            }
        }
        Ok(exchange)
    }
}

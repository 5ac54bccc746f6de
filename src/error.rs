//! What can go wrong, said without HTTP: something said no, by a documented code, or something broke.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule said no. The code has an entry in `config/problems.toml`.
    #[error("refused: {}", .0.code)]
    Refused(Box<Refused>),
    /// The database said no to something that should have worked.
    #[error("database: {0}")]
    Database(#[source] diesel::result::Error),
    /// Something broke.
    #[error("broken: {0:#}")]
    Broken(#[from] anyhow::Error),
}

/// A refusal by code, with what the caller needs to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: &'static str,
    /// Values for the placeholders of the code's texts.
    pub values: Vec<(&'static str, String)>,
    /// What is wrong with which field.
    pub fields: Vec<FieldError>,
    /// What stands in the way of a step.
    pub blockers: Vec<Blocker>,
    /// After how many seconds it is worth trying again.
    pub retry_after: Option<u64>,
}

/// One thing wrong with one field; the message is in the caller's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the field, in the body or, for a query, by its name.
    pub pointer: String,
    pub code: Cow<'static, str>,
    pub message: String,
    #[serde(skip)]
    pub values: Vec<(&'static str, String)>,
}

/// One thing that stands in the way of a step; the message is in the caller's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Blocker {
    pub code: Cow<'static, str>,
    pub message: String,
    /// The requirement of a gate that this belongs to; a coordinator can waive it by this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// Values that are names in four languages.
    #[serde(skip)]
    pub names: Vec<(&'static str, crate::lang::Names)>,
    #[serde(skip)]
    pub values: Vec<(&'static str, String)>,
}

impl FieldError {
    pub fn new(pointer: impl Into<String>, code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.into(),
            message: String::new(),
            values: Vec::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }
}

impl Blocker {
    pub fn new(code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: code.into(),
            message: String::new(),
            requirement: None,
            names: Vec::new(),
            values: Vec::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    #[must_use]
    pub fn named(mut self, name: &'static str, names: &crate::lang::Names) -> Self {
        self.names.push((name, names.clone()));
        self
    }

    #[must_use]
    pub fn requirement(mut self, name: &str) -> Self {
        self.requirement = Some(name.to_owned());
        self
    }
}

impl Refused {
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self {
            code,
            values: Vec::new(),
            fields: Vec::new(),
            blockers: Vec::new(),
            retry_after: None,
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    #[must_use]
    pub fn blocked_by(mut self, blockers: Vec<Blocker>) -> Self {
        self.blockers = blockers;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error as Failure};
        match &error {
            Failure::DatabaseError(
                Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::ReadOnlyTransaction,
                _,
            ) => Self::unavailable(),
            Failure::DatabaseError(_, info)
                if GONE.iter().any(|words| info.message().contains(words)) =>
            {
                tracing::warn!(error = %error, "the database can't do its work now");
                Self::unavailable()
            }
            Failure::DatabaseError(_, info)
                if BUSY.iter().any(|words| info.message().contains(words)) =>
            {
                Self::busy()
            }
            _ => Self::Database(error),
        }
    }
}

/// How the two databases say that they can't work now. Neither gives these a kind of its own.
const GONE: &[&str] = &[
    "disk is full",
    "readonly database",
    "disk I/O error",
    "unable to open database",
    "terminating connection",
    "server closed the connection",
    "no connection to the server",
    "could not receive data",
    "connection not open",
    "the database system is",
    "SSL SYSCALL",
    "No space left on device",
];
const BUSY: &[&str] = &["database is locked", "statement timeout", "lock timeout"];

impl Error {
    /// True where the database itself is the cause, not a rule.
    #[must_use]
    pub fn is_a_database_failure(&self) -> bool {
        match self {
            Self::Database(_) => true,
            Self::Refused(refused) => matches!(refused.code, "busy" | "database-unavailable"),
            Self::Broken(_) => false,
        }
    }

    #[must_use]
    pub fn refused(code: &'static str) -> Self {
        Refused::new(code).into()
    }

    /// Absent, or out of the caller's scope: the two are never told apart.
    #[must_use]
    pub fn not_found() -> Self {
        Self::refused("not-found")
    }

    #[must_use]
    pub fn stale() -> Self {
        Self::refused("stale-version")
    }

    #[must_use]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let mut refused = Refused::new("invalid");
        refused.fields = fields;
        refused.into()
    }

    #[must_use]
    pub fn busy() -> Self {
        Refused::new("busy").retry_after(1).into()
    }

    #[must_use]
    pub fn unavailable() -> Self {
        Refused::new("database-unavailable").retry_after(2).into()
    }

    /// The code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refused) => Some(refused.code),
            Self::Database(_) | Self::Broken(_) => None,
        }
    }
}

/// Turns "no such row" into the refusal that says so.
pub trait OrNotFound<T> {
    /// # Errors
    /// `not-found` where there is none.
    fn or_not_found(self) -> Result<T>;
}

impl<T> OrNotFound<T> for diesel::QueryResult<T> {
    fn or_not_found(self) -> Result<T> {
        self.map_err(|error| match error {
            diesel::result::Error::NotFound => Error::not_found(),
            other => other.into(),
        })
    }
}

impl<T> OrNotFound<T> for Option<T> {
    fn or_not_found(self) -> Result<T> {
        self.ok_or_else(Error::not_found)
    }
}

/// Collects field errors, so that a caller hears of all of them at once.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// # Errors
    /// `invalid`, with everything collected.
    pub fn done(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(self.0))
        }
    }
}

/// Defines a slice's refusals: each variant is one documented problem code.
#[macro_export]
macro_rules! refusals {
    ($vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal),* $(,)? }) => {
        /// Why a rule of this slice says no.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $($(#[$doc])* $variant),* }

        impl $name {
            /// All codes, which a test compares with `config/problems.toml`.
            pub const CODES: &'static [&'static str] = &[$($code),*];

            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }
        impl From<$name> for $crate::error::Error {
            fn from(refusal: $name) -> Self {
                Self::refused(refusal.code())
            }
        }
    };
}

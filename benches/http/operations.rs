//! What is measured: each operation as a never repeating row of requests, the same for both servers.

use serde_json::json;
use uuid::Uuid;

use crate::client::Request;
use crate::gateway;
use crate::words;

/// Projects of the cohort that are in a pillar, and those that have left it: 200 together.
pub const ACTIVE: u64 = 192;
pub const ENDED: u64 = 8;
/// Projects that have not begun; each can answer every call once.
pub const PROSPECTS: u64 = 1_000;
/// Projects that are there to be searched.
pub const TEXTS: u64 = 10_000;

/// The kinds of rows that the benchmark adds.
#[derive(Debug, Clone, Copy)]
pub enum Row {
    Cohort = 1,
    Active,
    Ended,
    Stay,
    EndedStay,
    Prospect,
    Call,
    OwnCall,
    Text,
    Entry,
    Exit,
    Assignment,
    Grant,
    Application,
    OtherCohort,
    Other,
    OtherStay,
    OtherEntry,
    GateCall,
    Form,
    Applicant,
    Founder,
    Ownership,
    Session,
    Entrant,
    Reviewer,
    Review,
}

/// The ids of added rows count on from here: a UUIDv7 with the kind in its middle and the number at its end.
const FIRST: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0000;
const NUMBER_BITS: u32 = 48;

impl Row {
    pub fn id(self, number: u64) -> Uuid {
        Uuid::from_u128(FIRST + (u128::from(self as u8) << 64) + u128::from(number))
    }

    /// The hexadecimal digits that all ids of this kind begin with; the twelve digits of the number follow.
    pub fn prefix(self) -> String {
        format!("{:020x}", self.id(0).as_u128() >> NUMBER_BITS)
    }
}

/// The transition comes last, because most work follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    ReadProject,
    ListProjects,
    Dashboard,
    /// The dashboard again, by one who holds it already.
    Unchanged,
    Search,
    CreateApplication,
    Transition,
    /// These two have no floor beside them.
    Scores,
    Submit,
}

/// One connection's part of an operation, kept from round to round so that no request comes twice.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub connection: u64,
    pub connections: u64,
    /// Requests sent so far.
    pub sent: u64,
}

/// What requests are made from beside the share.
#[derive(Debug, Clone, Default)]
pub struct Stock {
    /// How many calls there are to answer.
    pub calls: u64,
    /// How many drafts there are to submit.
    pub drafts: u64,
    /// The tag of the dashboard as it is now.
    pub tag: String,
}

impl Share {
    /// The only one there is.
    pub fn first() -> Self {
        Self {
            connection: 0,
            connections: 1,
            sent: 0,
        }
    }
}

impl Operation {
    pub const READS: [Self; 5] = [
        Self::ReadProject,
        Self::ListProjects,
        Self::Dashboard,
        Self::Unchanged,
        Self::Search,
    ];
    pub const WRITES: [Self; 2] = [Self::CreateApplication, Self::Transition];

    pub fn name(self) -> &'static str {
        match self {
            Self::ReadProject => "read one project",
            Self::ListProjects => "list 20 of a cohort",
            Self::Dashboard => "cohort dashboard",
            Self::Unchanged => "dashboard, unchanged",
            Self::Search => "search 10 000 texts",
            Self::CreateApplication => "create an application",
            Self::Transition => "hold and resume",
            Self::Scores => "list 100 of 10 000 scores",
            Self::Submit => "submit 40 answers",
        }
    }

    /// What the floor does beside it: its own form of the same, but where nothing has changed, a bare read.
    pub fn on_the_floor(self) -> Self {
        match self {
            Self::Unchanged => Self::ReadProject,
            same => same,
        }
    }

    pub fn is_good(self, status: u16) -> bool {
        match self {
            Self::Unchanged => status == 304,
            _ => (200..300).contains(&status),
        }
    }

    pub fn writes(self) -> bool {
        Self::WRITES.contains(&self) || self == Self::Submit
    }

    pub fn connections(self) -> u64 {
        match self {
            // Few ask for the scores of a whole call.
            Self::Scores => 4,
            _ if self.writes() => 64,
            _ => 16,
        }
    }

    pub fn shares(self) -> Vec<Share> {
        let connections = self.connections();
        (0..connections)
            .map(|connection| Share {
                connection,
                connections,
                sent: 0,
            })
            .collect()
    }

    /// The next request of a share; none where the prepared rows are used up.
    pub fn request(self, share: &Share, stock: &Stock) -> Option<Request> {
        let cohort = Row::Cohort.id(1);
        let turn = share.connection * 37 + share.sent;
        Some(match self {
            Self::ReadProject => {
                Request::get(format!("/v1/projects/{}", Row::Active.id(turn % ACTIVE)))
            }
            Self::ListProjects => Request::get(format!(
                "/v1/projects?cohort_id={cohort}&pillar=test&sort=title&limit=20"
            )),
            Self::Dashboard => Request::get(format!("/v1/cohorts/{cohort}/dashboard")),
            Self::Unchanged => Request::get(format!("/v1/cohorts/{cohort}/dashboard"))
                .with("if-none-match", &stock.tag),
            Self::Search => Request::get(format!(
                "/v1/projects?q={}&limit=20",
                words::rare(turn * 11)
            )),
            Self::CreateApplication => application(share, stock.calls)?,
            Self::Transition => transition(share),
            Self::Scores => Request::get(format!(
                "/v1/calls/{}/scores?sort=-weighted&limit={LISTED}",
                Row::GateCall.id(1),
                LISTED = gateway::LISTED
            )),
            Self::Submit => gateway::submission(share, stock.drafts)?,
        })
    }
}

/// Goes through the pairs of project and call; the shares take turns, so that no pair comes twice.
fn application(share: &Share, calls: u64) -> Option<Request> {
    let pair = share.sent * share.connections + share.connection;
    let (project, call) = (pair % PROSPECTS, pair / PROSPECTS);
    let body = json!({
        "project_id": Row::Prospect.id(project),
        "call_id": Row::Call.id(call),
        "answers": { "need": "A shorter way from the ward to the laboratory.", "team": 4, "pilot": true },
    });
    let request = Request::post("/v1/applications".into(), &body);
    (call < calls).then(|| request.with("idempotency-key", &format!("application-{pair}")))
}

/// Each share has projects of its own: it holds all of them, then resumes all of them, and so on.
fn transition(share: &Share) -> Request {
    let own = ACTIVE / share.connections;
    let number = share.connection * own + share.sent % own;
    let kind = if (share.sent / own).is_multiple_of(2) {
        "hold"
    } else {
        "resume"
    };
    let body = json!({ "kind": kind, "reason": "Waiting for the ethics committee." });
    let path = format!("/v1/projects/{}/transitions", Row::Active.id(number));
    Request::post(path, &body).with("if-match", "*")
}

//! The table: event kind → who hears of it and by which text. Nothing else decides that.

/// A group of people around an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The project's team.
    Founders,
    /// Those of the team who own the project.
    Owners,
    /// Those who coached the project when it happened.
    Coaches,
    /// The project's coordinators when it happened.
    Coordinators,
    /// The people of the organisation that leads the pillar in the project's region.
    LeadPartner,
    /// Those who had heard of what this event takes back.
    Told,
    /// The person whom the event is about.
    Subject,
    /// The coordinators of the call or region that an application is sent to.
    Receivers,
}

/// What follows from one kind of event.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub kind: &'static str,
    pub audience: &'static [Audience],
    /// The text, which the in-app message takes its one line from.
    pub template: &'static str,
    /// Whether a mail goes out as well.
    pub by_mail: bool,
    /// Whether the person who did it hears of it too.
    pub tell_actor: bool,
}

use Audience::{Coaches, Coordinators, Founders, LeadPartner, Owners, Receivers, Subject, Told};

const ALL: &[Audience] = &[Founders, Coaches, Coordinators, LeadPartner];

/// A stage change: everyone around the project, by mail and in the application, whoever did it.
const fn stage(kind: &'static str, template: &'static str) -> Rule {
    Rule {
        kind,
        audience: ALL,
        template,
        by_mail: true,
        tell_actor: true,
    }
}

const fn mail(kind: &'static str, audience: &'static [Audience], template: &'static str) -> Rule {
    Rule {
        kind,
        audience,
        template,
        by_mail: true,
        tell_actor: true,
    }
}

const fn message(
    kind: &'static str,
    audience: &'static [Audience],
    template: &'static str,
) -> Rule {
    Rule {
        kind,
        audience,
        template,
        by_mail: false,
        tell_actor: false,
    }
}

/// Every rule. Accepting an application has none of its own: the entry into the pillar or the place that
/// it leads to is told, with the feedback, so that nobody gets two mails about one thing.
pub const RULES: &[Rule] = &[
    stage("project.entered", "project_entered"),
    stage("project.advanced", "project_advanced"),
    stage("project.returned", "project_returned"),
    stage("project.held", "project_held"),
    stage("project.resumed", "project_resumed"),
    stage("project.exited", "project_exited"),
    stage("project.graduated", "project_graduated"),
    mail(
        "application.submitted",
        &[Founders],
        "application_submitted",
    ),
    mail(
        "application.submitted",
        &[Coordinators],
        "application_received",
    ),
    mail("application.returned", &[Founders], "application_returned"),
    mail(
        "application.resubmitted",
        &[Founders],
        "application_submitted",
    ),
    mail(
        "application.resubmitted",
        &[Coordinators],
        "application_resubmitted",
    ),
    mail(
        "application.waitlisted",
        &[Founders],
        "application_waitlisted",
    ),
    mail("application.declined", &[Founders], "application_declined"),
    mail("application.reversed", &[Told], "decision_reversed"),
    mail("place.offered", &[Founders], "place_offered"),
    mail("place.reminded", &[Founders], "place_reminder"),
    mail("place.expired", &[Founders, Coordinators], "place_expired"),
    mail("place.given_up", &[Coordinators], "place_given_up"),
    mail("release.refused", &[Subject], "release_refused"),
    mail(
        "application.withdrawn",
        &[Coordinators],
        "application_withdrawn",
    ),
    mail("routing.proposed", &[Founders], "routing_proposed"),
    mail("routing.consented", &[Receivers], "routing_consented"),
    message("routing.refused", &[Coordinators], "routing_refused"),
    mail("assignment.started", &[Subject], "assignment_started"),
    mail("assignment.ended", &[Subject], "assignment_ended"),
    mail(
        "coaching_session.booked",
        &[Founders, Subject],
        "coaching_session_booked",
    ),
    mail(
        "coaching_session.cancelled",
        &[Founders, Subject],
        "coaching_session_cancelled",
    ),
    mail("invitation.accepted", &[Owners], "invitation_accepted"),
    mail("review.assigned", &[Subject], "review_assigned"),
    mail("review.reminded", &[Subject], "review_reminder"),
    mail("reviews.complete", &[Coordinators], "reviews_complete"),
    message(
        "update.written",
        &[Founders, Coaches, Coordinators],
        "update_written",
    ),
    message(
        "milestone.done",
        &[Founders, Coaches, Coordinators],
        "milestone_done",
    ),
];

/// The rules for a kind of event, in order; who hears by one is not told again by the next.
pub fn of(kind: &str) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(move |rule| rule.kind == kind)
}

/// Whether anybody is to hear of a kind of event.
#[must_use]
pub fn is_told(kind: &str) -> bool {
    of(kind).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_text() {
        for rule in RULES {
            assert!(
                crate::mail::render::TEMPLATES
                    .iter()
                    .any(|(name, _)| *name == rule.template),
                "{}",
                rule.template
            );
        }
    }

    #[test]
    fn every_stage_change_is_told_to_everyone() {
        for kind in crate::journey::Kind::ALL {
            let rules: Vec<_> = of(kind.event()).collect();
            assert_eq!(rules.len(), 1, "{kind}");
            assert_eq!((rules[0].audience, rules[0].by_mail), (ALL, true), "{kind}");
        }
    }
}

//! The tables, as both databases have them. Written from the migrations; a test compares it with both.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    events (seq) {
        seq -> BigInt,
        id -> Uid,
        at -> Instant,
        actor_kind -> Text,
        actor_id -> Nullable<Uid>,
        kind -> Text,
        subject_kind -> Text,
        subject_id -> Uid,
        project_id -> Nullable<Uid>,
        region -> Nullable<Text>,
        request_id -> Text,
        data -> Doc,
        chain -> Nullable<Uid>,
        chain_seq -> Nullable<BigInt>,
        mac -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Uid;

    ledger_heads (chain) {
        chain -> Uid,
        length -> BigInt,
        mac -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    jobs (id) {
        id -> Uid,
        kind -> Text,
        payload -> Doc,
        state -> Text,
        run_at -> Instant,
        attempts -> Integer,
        lease_until -> Nullable<Instant>,
        leased_by -> Nullable<Text>,
        last_error -> Nullable<Text>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Instant;

    held_work (kind) {
        kind -> Text,
        reason -> Text,
        held_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    mails (id) {
        id -> Uid,
        account_id -> Uid,
        event_seq -> Nullable<BigInt>,
        template -> Text,
        context -> Doc,
        state -> Text,
        attempts -> Integer,
        last_error -> Nullable<Text>,
        created_at -> Instant,
        sent_at -> Nullable<Instant>,
        expires_at -> Nullable<Instant>,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant};

    idempotency_keys (subject, key) {
        subject -> Text,
        key -> Text,
        fingerprint -> Text,
        reply -> Doc,
        sealed -> Nullable<Text>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    accounts (id) {
        id -> Uid,
        email -> Text,
        name -> Text,
        language -> Text,
        time_zone -> Text,
        password_hash -> Text,
        verified_at -> Nullable<Instant>,
        disabled_at -> Nullable<Instant>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    one_time_codes (id) {
        id -> Uid,
        account_id -> Uid,
        purpose -> Text,
        pending -> Nullable<Doc>,
        expires_at -> Instant,
        used_at -> Nullable<Instant>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    grants (id) {
        id -> Uid,
        account_id -> Uid,
        role -> Text,
        scope_kind -> Text,
        region -> Nullable<Text>,
        scope_id -> Nullable<Uid>,
        valid_from -> Instant,
        valid_to -> Nullable<Instant>,
        given_by -> Nullable<Uid>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    sessions (id) {
        id -> Uid,
        account_id -> Uid,
        created_at -> Instant,
        last_used_at -> Instant,
        ended_at -> Nullable<Instant>,
        end_reason -> Nullable<Text>,
        device -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    refresh_tokens (digest) {
        digest -> Text,
        session_id -> Uid,
        issued_at -> Instant,
        expires_at -> Instant,
        spent_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    throttle_buckets (kind, key) {
        kind -> Text,
        key -> Text,
        empty_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Instant;

    known_places (key) {
        key -> Text,
        last_used_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    api_keys (id) {
        id -> Uid,
        name -> Text,
        digest -> Text,
        role -> Text,
        scope_kind -> Text,
        region -> Nullable<Text>,
        scope_id -> Nullable<Uid>,
        actions -> Doc,
        created_by -> Uid,
        created_at -> Instant,
        expires_at -> Instant,
        revoked_at -> Nullable<Instant>,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Doc;

    regions (code) {
        code -> Text,
        iso -> Text,
        names -> Doc,
        languages -> Doc,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Doc;

    provinces (iso) {
        iso -> Text,
        region -> Text,
        nuts2 -> Text,
        names -> Doc,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Uid};

    postal_codes (id) {
        id -> Uid,
        country -> Text,
        low -> Text,
        high -> Text,
        region -> Text,
        province -> Text,
        languages -> Doc,
        is_exception -> Bool,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    organisations (id) {
        id -> Uid,
        slug -> Text,
        name -> Text,
        kind -> Text,
        region -> Nullable<Text>,
        website -> Nullable<Text>,
        roles -> Doc,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        succeeded_by -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    mandates (id) {
        id -> Uid,
        organisation_id -> Uid,
        pillar -> Text,
        region -> Text,
        responsibility -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    programmes (id) {
        id -> Uid,
        slug -> Text,
        names -> Doc,
        summary -> Doc,
        organisation_id -> Nullable<Uid>,
        regions -> Doc,
        languages -> Doc,
        sectors -> Doc,
        excluded_sectors -> Doc,
        pillars -> Doc,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    cohorts (id) {
        id -> Uid,
        slug -> Text,
        programme_id -> Uid,
        names -> Doc,
        starts_on -> Date,
        ends_on -> Date,
        capacity -> Integer,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Uid;

    cohort_quotas (cohort_id, region) {
        cohort_id -> Uid,
        region -> Text,
        places -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    calls (id) {
        id -> Uid,
        slug -> Text,
        programme_id -> Uid,
        cohort_id -> Nullable<Uid>,
        names -> Doc,
        opens_at -> Instant,
        closes_at -> Instant,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    projects (id) {
        id -> Uid,
        reference -> Text,
        title -> Text,
        summary -> Text,
        sector -> Text,
        country -> Text,
        postal_code -> Nullable<Text>,
        region -> Nullable<Text>,
        province -> Nullable<Text>,
        enterprise_number -> Nullable<Text>,
        website -> Nullable<Text>,
        language -> Text,
        state -> Text,
        pillar -> Nullable<Text>,
        cohort_id -> Nullable<Uid>,
        stay_id -> Nullable<Uid>,
        shared_with_partners -> Bool,
        quiet_since -> Nullable<Instant>,
        last_confidence -> Nullable<Text>,
        next_due_on -> Nullable<Date>,
        target_at -> Nullable<Instant>,
        created_by -> Uid,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    assignments (id) {
        id -> Uid,
        project_id -> Uid,
        account_id -> Uid,
        role -> Text,
        kind -> Text,
        pillar -> Nullable<Text>,
        started_at -> Instant,
        ended_at -> Nullable<Instant>,
        end_reason -> Nullable<Text>,
        assigned_by -> Nullable<Uid>,
        version -> BigInt,
        updated_at -> Instant,
        hours_budget -> Nullable<Integer>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    coaching_sessions (id) {
        id -> Uid,
        project_id -> Uid,
        coach_id -> Uid,
        booked_by -> Uid,
        state -> Text,
        starts_at -> Instant,
        planned_minutes -> Integer,
        place -> Nullable<Text>,
        link -> Nullable<Text>,
        agenda -> Text,
        held_minutes -> Nullable<Integer>,
        notes -> Nullable<Text>,
        actions -> Doc,
        private_notes -> Nullable<Text>,
        cancel_reason -> Nullable<Text>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    updates (id) {
        id -> Uid,
        project_id -> Uid,
        stay_id -> Nullable<Uid>,
        pillar -> Nullable<Text>,
        author_id -> Uid,
        author_role -> Text,
        note -> Text,
        confidence -> Text,
        blockers -> Nullable<Text>,
        next_step -> Nullable<Text>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    stays (id) {
        id -> Uid,
        project_id -> Uid,
        cohort_id -> Nullable<Uid>,
        region -> Nullable<Text>,
        pillar -> Text,
        entered_at -> Instant,
        left_at -> Nullable<Instant>,
        left_by -> Nullable<Text>,
        held_seconds -> BigInt,
        held_since -> Nullable<Instant>,
        target_days -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    transitions (id) {
        id -> Uid,
        project_id -> Uid,
        number -> Integer,
        kind -> Text,
        from_state -> Text,
        to_state -> Text,
        from_pillar -> Nullable<Text>,
        to_pillar -> Nullable<Text>,
        cohort_id -> Nullable<Uid>,
        application_id -> Nullable<Uid>,
        reason_code -> Nullable<Text>,
        reason -> Nullable<Text>,
        lesson -> Nullable<Text>,
        waivers -> Doc,
        actor_id -> Nullable<Uid>,
        at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    milestones (id) {
        id -> Uid,
        project_id -> Uid,
        stay_id -> Uid,
        key -> Nullable<Text>,
        titles -> Doc,
        due_on -> Date,
        required -> Bool,
        done_at -> Nullable<Instant>,
        done_by -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    applications (id) {
        id -> Uid,
        reference -> Text,
        project_id -> Uid,
        call_id -> Uid,
        state -> Text,
        answers -> Doc,
        region -> Nullable<Text>,
        cohort_id -> Nullable<Uid>,
        pillar -> Nullable<Text>,
        feedback -> Nullable<Text>,
        override_reason -> Nullable<Text>,
        frozen -> Nullable<Doc>,
        content_sha256 -> Nullable<Text>,
        submitted_at -> Nullable<Instant>,
        decided_at -> Nullable<Instant>,
        decided_by -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    notifications (id) {
        id -> Uid,
        account_id -> Uid,
        event_seq -> BigInt,
        kind -> Text,
        template -> Text,
        context -> Doc,
        project_id -> Nullable<Uid>,
        is_read -> Bool,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    place_settings (call_id) {
        call_id -> Uid,
        confirm_within_days -> Nullable<Integer>,
        reminder_days_before -> Doc,
        offer_beyond_capacity -> Bool,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    staged_decisions (application_id) {
        application_id -> Uid,
        project_id -> Uid,
        call_id -> Uid,
        outcome -> Text,
        cohort_id -> Nullable<Uid>,
        pillar -> Nullable<Text>,
        rank -> Nullable<Integer>,
        reasons -> Doc,
        feedback -> Nullable<Text>,
        staged_by -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    releases (id) {
        id -> Uid,
        call_id -> Uid,
        application_ids -> Nullable<Doc>,
        due_at -> Instant,
        state -> Text,
        decided -> Nullable<Integer>,
        problems -> Doc,
        created_by -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    decisions (id) {
        id -> Uid,
        application_id -> Uid,
        project_id -> Uid,
        call_id -> Uid,
        outcome -> Text,
        cohort_id -> Nullable<Uid>,
        pillar -> Nullable<Text>,
        rank -> Nullable<Integer>,
        reasons -> Doc,
        decided_by -> Nullable<Uid>,
        decided_at -> Instant,
        ended_at -> Nullable<Instant>,
        reversed_by -> Nullable<Uid>,
        reversal_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    places (id) {
        id -> Uid,
        application_id -> Uid,
        project_id -> Uid,
        call_id -> Uid,
        cohort_id -> Uid,
        pillar -> Text,
        region -> Nullable<Text>,
        state -> Text,
        offered_at -> Instant,
        expires_at -> Instant,
        reminded_days_before -> Nullable<Integer>,
        ended_at -> Nullable<Instant>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Instant;

    superseded_events (event_seq) {
        event_seq -> BigInt,
        by_seq -> BigInt,
        at -> Instant,
    }
}

diesel::joinable!(assignments -> projects (project_id));
diesel::joinable!(applications -> projects (project_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(cohort_quotas -> cohorts (cohort_id));
diesel::joinable!(staged_decisions -> applications (application_id));
diesel::joinable!(decisions -> applications (application_id));
diesel::joinable!(places -> projects (project_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    api_keys,
    applications,
    assignments,
    calls,
    coaching_sessions,
    cohort_quotas,
    cohorts,
    decisions,
    events,
    grants,
    held_work,
    idempotency_keys,
    jobs,
    known_places,
    ledger_heads,
    mails,
    mandates,
    milestones,
    notifications,
    one_time_codes,
    organisations,
    place_settings,
    places,
    postal_codes,
    programmes,
    projects,
    provinces,
    refresh_tokens,
    regions,
    releases,
    sessions,
    staged_decisions,
    stays,
    superseded_events,
    throttle_buckets,
    transitions,
    updates,
);

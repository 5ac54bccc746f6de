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
        applicant_kind -> Text,
        web_domain -> Nullable<Text>,
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
        form_id -> Nullable<Uid>,
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
    use crate::db::sql::{Instant, Uid};

    documents (id) {
        id -> Uid,
        project_id -> Uid,
        application_id -> Nullable<Uid>,
        question -> Nullable<Text>,
        title -> Nullable<Text>,
        file_name -> Text,
        media_type -> Text,
        bytes -> BigInt,
        sha256 -> Text,
        state -> Text,
        added_by -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    invitations (id) {
        id -> Uid,
        project_id -> Uid,
        email -> Text,
        role -> Text,
        language -> Text,
        state -> Text,
        expires_at -> Instant,
        invited_by -> Uid,
        account_id -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    forms (id) {
        id -> Uid,
        call_id -> Uid,
        number -> Integer,
        definition -> Doc,
        in_use_since -> Nullable<Instant>,
        created_by -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    application_receipts (application_id, number) {
        application_id -> Uid,
        number -> Integer,
        form_id -> Nullable<Uid>,
        content -> Doc,
        sha256 -> Text,
        submitted_by -> Nullable<Uid>,
        submitted_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    application_returns (id) {
        id -> Uid,
        application_id -> Uid,
        from_state -> Text,
        fields -> Doc,
        message -> Text,
        reasons -> Doc,
        due_on -> Nullable<Date>,
        returned_by -> Nullable<Uid>,
        returned_at -> Instant,
        closed_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    application_screenings (id) {
        id -> Uid,
        application_id -> Uid,
        started_by -> Nullable<Uid>,
        started_at -> Instant,
        result -> Nullable<Text>,
        reasons -> Nullable<Doc>,
        note -> Nullable<Text>,
        finished_by -> Nullable<Uid>,
        finished_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    application_tags (application_id, tag) {
        application_id -> Uid,
        tag -> Text,
        tagged_by -> Nullable<Uid>,
        tagged_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::Doc;

    screening_reasons (code) {
        code -> Text,
        names -> Doc,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    eligibility_rules (call_id) {
        call_id -> Uid,
        rules -> Doc,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    eligibility_overrides (id) {
        id -> Uid,
        application_id -> Uid,
        rule -> Text,
        reason -> Text,
        made_by -> Uid,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    late_entry_codes (id) {
        id -> Uid,
        call_id -> Uid,
        project_id -> Nullable<Uid>,
        digest -> Text,
        reason -> Text,
        made_by -> Uid,
        expires_at -> Instant,
        used_at -> Nullable<Instant>,
        application_id -> Nullable<Uid>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    routings (id) {
        id -> Uid,
        application_id -> Uid,
        call_id -> Nullable<Uid>,
        region -> Nullable<Text>,
        reason -> Text,
        state -> Text,
        proposed_by -> Uid,
        answered_by -> Nullable<Uid>,
        new_application_id -> Nullable<Uid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    conflicts (id) {
        id -> Uid,
        account_id -> Uid,
        project_id -> Nullable<Uid>,
        organisation_id -> Nullable<Uid>,
        review_id -> Nullable<Uid>,
        source -> Text,
        note -> Text,
        noted_by -> Nullable<Uid>,
        ended_at -> Nullable<Instant>,
        ended_by -> Nullable<Uid>,
        end_reason -> Nullable<Text>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    application_readers (id) {
        id -> Uid,
        application_id -> Uid,
        account_id -> Uid,
        blind -> Bool,
        label -> Text,
        since -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    rubrics (call_id) {
        call_id -> Uid,
        content -> Doc,
        version -> BigInt,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    committees (call_id) {
        call_id -> Uid,
        content -> Doc,
        version -> BigInt,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Instant, Uid};

    committee_votes (application_id, account_id) {
        application_id -> Uid,
        account_id -> Uid,
        vote -> Text,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    reviewer_profiles (account_id) {
        account_id -> Uid,
        content -> Doc,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    reviews (id) {
        id -> Uid,
        application_id -> Uid,
        call_id -> Uid,
        account_id -> Uid,
        label -> Text,
        state -> Text,
        scores -> Doc,
        comment -> Nullable<Text>,
        private_note -> Nullable<Text>,
        recommendation -> Nullable<Text>,
        weighted -> Nullable<BigInt>,
        reason -> Nullable<Text>,
        assigned_by -> Nullable<Uid>,
        submitted_at -> Nullable<Instant>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::sql::{Doc, Instant, Uid};

    review_plans (id) {
        id -> Uid,
        call_id -> Uid,
        state -> Text,
        content -> Doc,
        made_by -> Nullable<Uid>,
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
diesel::allow_tables_to_appear_in_same_query! {
    accounts, api_keys, application_readers, application_receipts, application_returns, application_screenings,
    application_tags, applications, assignments, calls, coaching_sessions, cohort_quotas, cohorts, committee_votes,
    committees, conflicts, decisions, documents, eligibility_overrides, eligibility_rules, events, forms, grants,
    held_work, idempotency_keys, invitations, jobs, known_places, late_entry_codes, ledger_heads, mails, mandates,
    milestones, notifications, one_time_codes, organisations, place_settings, places, postal_codes, programmes,
    projects, provinces, refresh_tokens, regions, releases, review_plans, reviewer_profiles, reviews, routings,
    rubrics, screening_reasons, sessions, staged_decisions, stays, superseded_events, throttle_buckets, transitions,
    updates,
}

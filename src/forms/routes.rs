//! Forms over HTTP.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpResponse, get, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions;
use super::definition::{Choice, Definition, Limits, Need, Question, QuestionKind, Rule, Section};
use super::json_schema;
use super::model::{Form, FormId};
use super::store;
use crate::auth::policy;
use crate::db::Moment;
use crate::error::{OrNotFound, Result};
use crate::http::{Ctx, Query, Reply, Routes, Valid};
use crate::lang::{Lang, Names};
use crate::network::{CallId, Pillar};

pub fn register(routes: &mut Routes<'_>) {
    routes.add(show_call_form, policy::PUBLIC);
    routes.add(put_call_form, policy::STAFF);
    routes.add(show_form_schema, policy::PUBLIC);
    routes.add(show_form, policy::PUBLIC);
}

#[derive(Serialize, ToSchema)]
struct FormOut {
    id: FormId,
    call_id: CallId,
    /// Which version of the call's form: 1, 2, 3 and so on.
    number: i32,
    /// Since when an application answers it; from then on it never changes.
    in_use_since: Option<Moment>,
    sections: Vec<SectionOut>,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

#[derive(Serialize, ToSchema)]
struct SectionOut {
    key: String,
    /// In the language of the answer; `labels` has all four.
    label: String,
    labels: Names,
    help: Option<String>,
    helps: Option<Names>,
    questions: Vec<QuestionOut>,
}

#[derive(Serialize, ToSchema)]
struct QuestionOut {
    key: String,
    kind: QuestionKind,
    label: String,
    labels: Names,
    help: Option<String>,
    helps: Option<Names>,
    required: Option<Need>,
    shown_if: Option<Rule>,
    limits: Limits,
    options: Vec<OptionOut>,
    for_reviewers: bool,
    personal: bool,
}

#[derive(Serialize, ToSchema)]
struct OptionOut {
    key: String,
    label: String,
    labels: Names,
}

impl FormOut {
    fn new(form: Form, lang: Lang) -> Self {
        let sections = form.definition.sections.into_iter();
        Self {
            id: form.id,
            call_id: form.call_id,
            number: form.number,
            in_use_since: form.in_use_since,
            sections: sections
                .map(|section| SectionOut::new(section, lang))
                .collect(),
            version: form.version,
            created_at: form.created_at,
            updated_at: form.updated_at,
        }
    }
}

impl SectionOut {
    fn new(section: Section, lang: Lang) -> Self {
        let questions = section.questions.into_iter();
        Self {
            key: section.key,
            label: section.label.get(lang).to_owned(),
            labels: section.label,
            help: in_language(section.help.as_ref(), lang),
            helps: section.help,
            questions: questions
                .map(|question| QuestionOut::new(question, lang))
                .collect(),
        }
    }
}

impl QuestionOut {
    fn new(question: Question, lang: Lang) -> Self {
        let option = |option: Choice| OptionOut {
            key: option.key,
            label: option.label.get(lang).to_owned(),
            labels: option.label,
        };
        Self {
            key: question.key,
            kind: question.kind,
            label: question.label.get(lang).to_owned(),
            labels: question.label,
            help: in_language(question.help.as_ref(), lang),
            helps: question.help,
            required: question.required,
            shown_if: question.shown_if,
            limits: question.limits,
            options: question.options.into_iter().map(option).collect(),
            for_reviewers: question.for_reviewers,
            personal: question.personal,
        }
    }
}

fn in_language(names: Option<&Names>, lang: Lang) -> Option<String> {
    names.map(|names| names.get(lang).to_owned())
}

fn shown(form: Form, lang: Lang) -> Result<Reply> {
    let version = form.version;
    Ok(Reply::ok(&FormOut::new(form, lang))?.version(version))
}

/// The newest form of a call.
#[utoipa::path(tag = "forms", params(("id" = CallId, Path)), responses((status = 200, body = FormOut)))]
#[get("/v1/calls/{id}/form")]
async fn show_call_form(ctx: Ctx, id: Path<CallId>) -> Result<Reply> {
    let (id, lang) = (id.into_inner(), ctx.lang);
    let form = ctx.read(move |conn, _| store::of_call(conn, id)).await?;
    shown(form.or_not_found()?, lang)
}

/// Write a call's form. It changes in place until somebody answers it or the call opens; then the next version follows.
/// Where there is a form already, `If-Match` says which version of it you have seen.
#[utoipa::path(tag = "forms", params(("id" = CallId, Path)), request_body = Definition, responses((status = 200, body = FormOut)))]
#[put("/v1/calls/{id}/form")]
async fn put_call_form(ctx: Ctx, id: Path<CallId>, body: Valid<Definition>) -> Result<Reply> {
    let (id, seen, lang) = (id.into_inner(), ctx.seen().ok(), ctx.lang);
    let Valid(definition) = body;
    ctx.write(move |tx| shown(actions::put(tx, id, seen.as_ref(), &definition)?, lang))
        .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ShowFormSchema {
    /// What is required from this pillar on is required, too.
    #[param(inline)]
    pillar: Option<Pillar>,
}

/// The newest form of a call as JSON Schema (2020-12), which complete answers fit. The limits that JSON Schema has no
/// words for are `x-max-words`, `x-earliest` and `x-latest`.
#[utoipa::path(tag = "forms", params(("id" = CallId, Path), ShowFormSchema),
    responses((status = 200, body = Object, content_type = "application/schema+json")))]
#[get("/v1/calls/{id}/form/schema")]
async fn show_form_schema(
    ctx: Ctx,
    id: Path<CallId>,
    query: Query<ShowFormSchema>,
) -> Result<HttpResponse> {
    let (id, lang, pillar) = (id.into_inner(), ctx.lang, query.0.pillar);
    let form = ctx.read(move |conn, _| store::of_call(conn, id)).await?;
    let schema = json_schema::served(&form.or_not_found()?.definition, pillar, lang);
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/schema+json"))
        .body(schema.to_string()))
}

/// A form by its own id: the version that an application answers.
#[utoipa::path(tag = "forms", params(("id" = FormId, Path)), responses((status = 200, body = FormOut)))]
#[get("/v1/forms/{id}")]
async fn show_form(ctx: Ctx, id: Path<FormId>) -> Result<Reply> {
    let (id, lang) = (id.into_inner(), ctx.lang);
    shown(ctx.read(move |conn, _| store::find(conn, id)).await?, lang)
}

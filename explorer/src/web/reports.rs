//! Reports as one page, and each of them as a file.

use super::{
    App,
    errors::{self, Failure},
    export::{Form, csv, ndjson},
    shell::{Shell, html},
};
use crate::{
    follow::now_ms,
    view::{
        Missing,
        report::{Report, Reported, report},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage {
    shell: Shell,
    reports: Vec<(Report, Reported)>,
}

/// `/reports`: all of them, of one height.
pub async fn page(State(app): State<App>, headers: HeaderMap) -> Response {
    let all = app.read(|reader| {
        let one = |kind: Report| Ok((kind, report(reader, kind, now_ms())?));
        Report::ALL.into_iter().map(one).collect::<Result<Vec<_>, Missing>>()
    });
    match all.await {
        Ok(reports) => {
            let mut shell = Shell::new(&app, "reports", "Reports");
            if let Some((_, first)) = reports.first() {
                shell.as_of = first.as_of.clone();
            }
            html(&headers, &ReportsPage { shell, reports })
        }
        Err(failure) => errors::page(&app, &failure, ""),
    }
}

/// `/report/<word>.csv` and `.ndjson`: every row, with the height in each.
pub async fn file(State(app): State<App>, Path(file): Path<String>) -> Result<Response, Failure> {
    let unknown = || {
        let words: Vec<_> = Report::ALL.iter().map(|report| report.word()).collect();
        Missing::Malformed(format!("a report is /report/<word>.csv or .ndjson; the words are {}", words.join(", ")))
    };
    let (word, ending) = file.split_once('.').ok_or_else(unknown)?;
    let kind = Report::from_word(word).ok_or_else(unknown)?;
    let (form, media) = match ending {
        "csv" => (Form::Csv, "text/csv; charset=utf-8; header=present"),
        "ndjson" => (Form::Ndjson, "application/x-ndjson"),
        _ => return Err(unknown().into()),
    };
    let found = app.read(move |reader| report(reader, kind, now_ms())).await?;
    let height = found.as_of.height.to_string();
    let bytes = match form {
        Form::Csv => csv(kind.columns(), &found.table, &height, true)?,
        Form::Ndjson => ndjson(kind.columns(), &found.table, &height),
    };
    let mut response = bytes.into_response();
    let name = format!("attachment; filename=\"lonja-report-{word}-at-{height}.{ending}\"");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

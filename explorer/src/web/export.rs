//! Exports: all rows of a list, streamed, as CSV or as one JSON object for each line.
//!
//! Nothing is capped. Rows are of the height at which the export began; where a row tells of a state
//! that changes (a licence in force), it is the state when the row was written.

use super::{App, errors::Failure, parse::Asked};
use crate::{
    follow::now_ms,
    index::{At, Thing},
    limits::EXPORT_ROWS,
    view::{
        Column, Missing, Table, cursor_bytes,
        filter::{self, Filter, Filtered},
        list::List,
    },
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// The form of an export.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Csv,
    Ndjson,
}

/// `/export/<list>.csv` and `/export/<list>.ndjson`.
pub async fn export(
    State(app): State<App>,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let unknown = || Missing::Malformed("an export is /export/<list>.csv or /export/<list>.ndjson".into());
    let (word, ending) = file.split_once('.').ok_or_else(unknown)?;
    let form = match ending {
        "csv" => Form::Csv,
        "ndjson" => Form::Ndjson,
        _ => return Err(unknown().into()),
    };
    let list = List::from_word(word).ok_or_else(unknown)?;
    let permit = app.exports.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Failure::Busy("as many exports are running as the explorer takes on"))?;
    let (asked, scope, filter) = app
        .read(move |reader| {
            let asked = asked.settled(reader)?;
            let (scope, filter) = (asked.scope()?, asked.filter(reader, list)?);
            Ok((asked, scope, filter))
        })
        .await?;
    let thing = scope.as_ref().map(|scope| scope.thing);
    let wanted = Wanted { form, list, thing, filter };
    let tip = app.index.tip();
    // The first rows are read before the answer begins, so a wrong request is a problem, not half a file.
    let first = At { height: tip.height + 1, place: 0, event: 0 };
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    let head = chunk(&app, &wanted, first, true).await?;
    tokio::spawn(async move {
        let _permit = permit;
        let mut next = Some(head);
        while let Some((bytes, at)) = next {
            // A chunk may be empty: everything in it was filtered out.
            if !bytes.is_empty() && sender.send(Ok(bytes)).await.is_err() {
                return;
            }
            next = match at {
                None => None,
                Some(at) => match chunk(&app, &wanted, at, false).await {
                    Ok(chunk) => Some(chunk),
                    Err(failure) => {
                        // A cut-off file must look cut off, not complete.
                        let _ = sender.send(Err(std::io::Error::other(failure.problem().detail))).await;
                        None
                    }
                },
            };
        }
    });
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let kind = match form {
        Form::Csv => "text/csv; charset=utf-8; header=present",
        Form::Ndjson => "application/x-ndjson",
    };
    let mut limited = scope.map_or_else(String::new, |scope| format!("-{}-{}", scope.name, &scope.id[..8]));
    if asked.is_filtered() {
        limited.push_str("-filtered");
    }
    let name = format!("attachment; filename=\"lonja-{word}{limited}-at-{}.{ending}\"", tip.height);
    let values = [
        (header::CONTENT_TYPE, kind.to_string()),
        (header::CONTENT_DISPOSITION, name),
        (HeaderName::from_static("lonja-height"), tip.height.to_string()),
    ];
    for (key, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(key, value);
        }
    }
    Ok(response)
}

/// What is exported, and how.
#[derive(Clone)]
struct Wanted {
    form: Form,
    list: List,
    thing: Option<Thing>,
    filter: Filter,
}

/// Some rows as bytes, and where the next ones begin.
async fn chunk(app: &App, wanted: &Wanted, before: At, head: bool) -> Result<(Bytes, Option<At>), Failure> {
    let Wanted { form, list, thing, filter } = wanted.clone();
    app.read(move |reader| {
        let before = Some(before);
        let wanted = filter::Wanted { list, scope: thing.as_ref(), filter: &filter, before, now_ms: now_ms() };
        let Filtered { table, .. } = filter::rows(reader, wanted, EXPORT_ROWS, EXPORT_ROWS)?;
        let height = reader.tip().height.to_string();
        let bytes = match form {
            Form::Csv => csv(list.columns(), &table, &height, head)?,
            Form::Ndjson => ndjson(list.columns(), &table, &height),
        };
        let next = match &table.next {
            None => None,
            Some(next) => At::from_bytes(&cursor_bytes(next)?),
        };
        Ok((bytes, next))
    })
    .await
}

/// The height at which a row was read, in every row.
const READ_AT: &str = "read_at_height";

pub(super) fn csv(columns: &[Column], table: &Table, height: &str, head: bool) -> Result<Bytes, Missing> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let failed = |_| Missing::Malformed("the row cannot be written as CSV".into());
    if head {
        let headings = Table::headings(columns);
        writer.write_record(headings.iter().map(String::as_str).chain([READ_AT])).map_err(failed)?;
    }
    for row in &table.rows {
        let fields = Table::fields(columns, row);
        writer.write_record(fields.into_iter().chain([height]).map(harmless)).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|_| Missing::Malformed("the rows cannot be written as CSV".into()))?;
    Ok(bytes.into())
}

/// A field that no spreadsheet takes for a formula (OWASP: CSV injection).
fn harmless(field: &str) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{field}") } else { field.to_string() }
}

pub(super) fn ndjson(columns: &[Column], table: &Table, height: &str) -> Bytes {
    let mut bytes = Vec::new();
    for row in &table.rows {
        let mut object = Table::object(columns, row);
        object.insert(READ_AT.into(), height.into());
        bytes.extend_from_slice(serde_json::Value::Object(object).to_string().as_bytes());
        bytes.push(b'\n');
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula() {
        for (field, written) in [("=1+1", "'=1+1"), ("-2", "'-2"), ("@a", "'@a"), ("a=b", "a=b"), ("", "")] {
            assert_eq!(harmless(field), written);
        }
    }
}

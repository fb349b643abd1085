//! Forms with a file (RFC 7578): parts as they come in, so that a file of any length is never in
//! memory. Only what our own pages send is understood; anything else is refused.

use crate::{
    error::MarketError,
    objects::{Limits, ObjectsError, next_piece},
};
use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};

/// The head of a part, in bytes. Browsers write about 200.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Parts of a form. Ours has fewer than ten.
const PARTS_MAX: usize = 64;
/// A field that is no file, in bytes.
const FIELD_BYTES_MAX: usize = 64 * 1024;

/// A form that is being read.
pub struct Multipart {
    stream: BodyDataStream,
    buffer: BytesMut,
    /// `\r\n--` and the boundary.
    delimiter: Vec<u8>,
    limits: Limits,
    parts: usize,
    inside: bool,
    ended: bool,
}

/// What stands at the head of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Name of the field.
    pub name: String,
    /// It is a file: its name, as the sender calls it. Shown to people, never used as a path.
    pub file_name: Option<String>,
    /// Its media type, as the sender calls it.
    pub media_type: Option<String>,
}

impl Multipart {
    /// Reads `body`, whose `Content-Type` is `content_type`.
    ///
    /// # Errors
    /// [`MarketError::Invalid`] where that is no form with files.
    pub fn new(content_type: &str, body: Body, limits: Limits) -> Result<Self, MarketError> {
        let boundary = boundary(content_type).ok_or_else(|| bad("the form was not sent as multipart/form-data"))?;
        // The first delimiter has no line break before it; with one, all are alike.
        let buffer = BytesMut::from(b"\r\n".as_slice());
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        let (stream, parts) = (body.into_data_stream(), 0);
        Ok(Self { stream, buffer, delimiter, limits, parts, inside: true, ended: false })
    }

    /// The head of the next part; `None` after the last. What is left of the part before is skipped.
    ///
    /// # Errors
    /// [`MarketError::Invalid`], or [`ObjectsError::BrokeOff`].
    pub async fn next(&mut self) -> Result<Option<Head>, MarketError> {
        while self.inside {
            self.piece().await?;
        }
        if self.ended {
            return Ok(None);
        }
        self.fill(2).await?;
        if self.buffer.starts_with(b"--") {
            self.ended = true;
            return Ok(None);
        }
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(bad("the form has too many parts"));
        }
        let head = self.head().await?;
        self.inside = true;
        Ok(Some(head))
    }

    /// The next bytes of this part; `None` at its end.
    ///
    /// # Errors
    /// [`ObjectsError::BrokeOff`].
    pub async fn piece(&mut self) -> Result<Option<Bytes>, MarketError> {
        if !self.inside {
            return Ok(None);
        }
        loop {
            match self.find() {
                Found::At(0) => {
                    let _delimiter = self.buffer.split_to(self.delimiter.len());
                    self.inside = false;
                    return Ok(None);
                }
                Found::At(at) | Found::Maybe(at) if at > 0 => return Ok(Some(self.buffer.split_to(at).freeze())),
                _ => self.more().await?,
            }
        }
    }

    /// The whole of a part that is a short field.
    ///
    /// # Errors
    /// [`MarketError::Invalid`] where it is long or no UTF-8.
    pub async fn text(&mut self) -> Result<String, MarketError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > FIELD_BYTES_MAX {
                return Err(bad("a field of the form is too long"));
            }
        }
        String::from_utf8(bytes).map_err(|_| bad("a field of the form is no text"))
    }

    async fn head(&mut self) -> Result<Head, MarketError> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(bad("the head of a part is too long"));
            }
            self.more().await?;
        };
        let text = self.buffer.split_to(end + 4);
        let text = std::str::from_utf8(&text).map_err(|_| bad("the head of a part is no text"))?;
        let mut head = Head::default();
        for line in text.split("\r\n") {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-disposition") {
                head.name = parameter(value, "name").unwrap_or_default();
                head.file_name = parameter(value, "filename");
            } else if name.eq_ignore_ascii_case("content-type") {
                head.media_type = Some(value.trim().to_string());
            }
        }
        Ok(head)
    }

    /// Where the next delimiter begins, or may begin once more bytes are there.
    fn find(&self) -> Found {
        let mut from = 0;
        while let Some(at) = self.buffer[from..].iter().position(|byte| *byte == b'\r').map(|at| from + at) {
            let rest = &self.buffer[at..];
            if rest.starts_with(&self.delimiter) {
                return Found::At(at);
            }
            if self.delimiter.starts_with(rest) {
                return Found::Maybe(at);
            }
            from = at + 1;
        }
        Found::Maybe(self.buffer.len())
    }

    async fn fill(&mut self, bytes: usize) -> Result<(), MarketError> {
        while self.buffer.len() < bytes {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), MarketError> {
        match next_piece(&mut self.stream, &self.limits).await? {
            Some(piece) => {
                self.buffer.extend_from_slice(&piece);
                Ok(())
            }
            None => Err(ObjectsError::BrokeOff("the form ends in the middle".into()).into()),
        }
    }
}

enum Found {
    /// Here.
    At(usize),
    /// Not before here.
    Maybe(usize),
}

fn bad(reason: &str) -> MarketError {
    MarketError::invalid("form", format!("{reason}: send it from its page"))
}

fn boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = rest.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let value = value.trim_matches('"');
    (1..=70).contains(&value.len()).then(|| value.to_string())
}

/// A parameter in quotes. Browsers write `"` as `%22`, and line breaks likewise.
fn parameter(value: &str, name: &str) -> Option<String> {
    let start = format!("{name}=\"");
    let rest = value.split("; ").find_map(|part| part.trim().strip_prefix(start.as_str()))?;
    let end = rest.rfind('"')?;
    Some(rest[..end].replace("%22", "\"").replace("%0D%0A", " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    const FORM: &str = "--XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a b%22;.csv\"\r\nContent-Type: text/csv\r\n\r\n\
        x\r\n--X\r\n\r\r\ny\r\n--XX--\r\n";

    fn form(text: &'static [u8], step: usize) -> Multipart {
        let pieces = text.chunks(step).map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece)));
        let body = Body::from_stream(futures_util::stream::iter(pieces.collect::<Vec<_>>()));
        Multipart::new("multipart/form-data; boundary=XX", body, Limits::of(1 << 20)).unwrap()
    }

    #[tokio::test]
    async fn parts_come_out_however_the_bytes_arrive() {
        for step in 1..FORM.len() {
            let mut form = form(FORM.as_bytes(), step);
            let head = form.next().await.unwrap().unwrap();
            assert_eq!((head.name.as_str(), head.file_name), ("csrf", None));
            assert_eq!(form.text().await.unwrap(), "abc");
            let head = form.next().await.unwrap().unwrap();
            assert_eq!(head.file_name.as_deref(), Some("a b\";.csv"));
            assert_eq!(head.media_type.as_deref(), Some("text/csv"));
            assert_eq!(form.text().await.unwrap(), "x\r\n--X\r\n\r\r\ny", "in steps of {step}");
            assert_eq!(form.next().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_is_skipped_is_not_in_the_next_part() {
        let mut form = form(FORM.as_bytes(), 7);
        form.next().await.unwrap();
        assert_eq!(form.next().await.unwrap().unwrap().name, "file");
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_is_an_error() {
        for end in 1..FORM.len() - 4 {
            let mut form = form(&FORM.as_bytes()[..end], 5);
            let read = async {
                while form.next().await?.is_some() {
                    form.text().await?;
                }
                Ok::<_, MarketError>(())
            };
            assert!(read.await.is_err(), "cut at {end}");
        }
    }

    #[test]
    fn other_kinds_of_bodies_are_refused() {
        for kind in
            ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
        {
            assert!(Multipart::new(kind, Body::empty(), Limits::of(1 << 20)).is_err(), "{kind}");
        }
    }
}

//! Forms: fields with labels, hints and faults, drawn by one template, and what a browser sends back.
//!
//! A form that comes back with faults keeps everything that was typed, says at its head what is
//! wrong with a link to each field, and says it again at the field.

use askama::{Template, filters::HtmlSafe};

/// What a form sent: names and values in order, names may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent(pub Vec<(String, String)>);

impl Sent {
    /// The first value of `name`, trimmed; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// All values of `name`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// `None` where the field is blank.
    pub fn some(&self, name: &str) -> Option<String> {
        let text = self.get(name);
        (!text.is_empty()).then(|| text.replace("\r\n", "\n"))
    }

    /// Values that `name` holds, parted by commas or lines.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.get(name).split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_string).collect()
    }
}

/// Faults of what was sent: field and text. Empty means sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<(String, String)>);

impl Faults {
    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: &str, text: impl Into<String>) {
        self.0.push((field.into(), text.into()));
    }

    /// Takes the value, or notes why there is none.
    pub fn take<T, E: std::fmt::Display>(&mut self, field: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(field, super::show::capital(&error.to_string()))).ok()
    }

    /// Takes what a text field says, or notes that it is blank or what is wrong with it.
    pub fn parsed<T>(&mut self, sent: &Sent, field: &str, what: &str) -> Option<T>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let text = sent.get(field);
        if text.is_empty() {
            self.add(field, format!("Enter {what}"));
            return None;
        }
        self.take(field, text.parse())
    }

    /// A text that must be there and fit.
    pub fn text(&mut self, sent: &Sent, field: &str, what: &str, bytes_max: usize) -> String {
        let text = sent.some(field).unwrap_or_default();
        if text.is_empty() {
            self.add(field, format!("Enter {what}"));
        } else if text.len() > bytes_max {
            self.add(
                field,
                format!("{} has {} bytes, {bytes_max} at most: shorten it", super::show::capital(what), text.len()),
            );
        }
        text
    }

    /// One value of a vocabulary, which must be chosen.
    pub fn choice<T: std::str::FromStr>(&mut self, sent: &Sent, field: &str, what: &str) -> Option<T> {
        let value = sent.get(field).parse().ok();
        if value.is_none() {
            self.add(field, format!("Choose {what}"));
        }
        value
    }

    /// A whole number within bounds.
    pub fn number(
        &mut self,
        sent: &Sent,
        field: &str,
        what: &str,
        bounds: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let value = sent.get(field).parse().ok().filter(|number| bounds.contains(number));
        if value.is_none() {
            self.add(field, format!("Enter {what} as a whole number from {} to {}", bounds.start(), bounds.end()));
        }
        value
    }

    /// Nothing is wrong.
    pub fn none(&self) -> bool {
        self.0.is_empty()
    }
}

/// A form on a page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "part/form.html")]
pub struct Form {
    /// Where it goes, by POST. With `#faults` at its end, whoever sends a form from the middle of a page
    /// sees at once what was wrong with it.
    pub action: String,
    /// The token that ties it to the session.
    pub token: String,
    /// What the button says.
    pub submit: String,
    /// How the button looks: empty, `second` or `grave`.
    pub look: &'static str,
    /// Values that are sent along.
    pub hidden: Vec<(&'static str, String)>,
    /// Groups of fields.
    pub parts: Vec<Part>,
    /// What was wrong with it.
    pub faults: Faults,
    /// It carries a file.
    pub multipart: bool,
    /// It only asks and changes nothing: sent by GET, without a token.
    pub asks: bool,
}

impl HtmlSafe for Form {}

/// Some fields under a heading.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The heading; empty for none.
    pub legend: String,
    /// A sentence below it; empty for none.
    pub intro: String,
    /// The fields.
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Clone, Debug, Template)]
#[template(path = "part/field.html")]
pub struct Field {
    prefix: String,
    name: &'static str,
    label: String,
    hint: String,
    value: String,
    optional: bool,
    fault: Option<String>,
    autocomplete: &'static str,
    kind: Kind,
}

impl HtmlSafe for Field {}

#[derive(Clone, Debug)]
enum Kind {
    Line(&'static str),
    Area(u8),
    File,
    Select(Vec<Choice>),
    Radios(Vec<Choice>),
    Checks(Vec<Choice>),
}

/// A value to choose.
#[derive(Clone, Debug)]
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

impl Form {
    /// Fills every field with what was sent before, and puts faults where they belong. Without faults
    /// the form is as it was.
    #[must_use]
    pub fn again(mut self, sent: &Sent, faults: Faults) -> Self {
        for field in self.parts.iter_mut().flat_map(|part| &mut part.fields) {
            if !faults.none() {
                field.refill(sent);
            }
            field.fault = faults.0.iter().find(|(name, _)| name == field.name).map(|(_, text)| text.clone());
        }
        self.faults = faults;
        self
    }

    /// With ids of its own, where a page has several forms of one kind.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        for field in self.parts.iter_mut().flat_map(|part| &mut part.fields) {
            field.prefix = format!("{prefix}-");
        }
        self
    }

    /// Where a fault is linked to; `None` where it belongs to no field of this form.
    fn target(&self, name: &str) -> Option<String> {
        let field = self.parts.iter().flat_map(|part| &part.fields).find(|field| field.name == name)?;
        Some(format!("#f-{}{}", field.prefix, field.name))
    }
}

impl Part {
    /// Fields without a heading.
    pub fn plain(fields: Vec<Field>) -> Self {
        Self { fields, ..Self::default() }
    }

    /// Fields under a heading.
    pub fn under(legend: &str, intro: &str, fields: Vec<Field>) -> Self {
        Self { legend: legend.into(), intro: intro.into(), fields }
    }
}

impl Field {
    fn new(name: &'static str, label: &str, kind: Kind) -> Self {
        Self {
            prefix: String::new(),
            name,
            label: label.into(),
            hint: String::new(),
            value: String::new(),
            optional: false,
            fault: None,
            autocomplete: "",
            kind,
        }
    }

    /// One line.
    pub fn line(name: &'static str, label: &str) -> Self {
        Self::new(name, label, Kind::Line("text"))
    }

    /// A whole number.
    pub fn number(name: &'static str, label: &str) -> Self {
        Self::new(name, label, Kind::Line("number"))
    }

    /// A day.
    pub fn date(name: &'static str, label: &str) -> Self {
        Self::new(name, label, Kind::Line("date"))
    }

    /// Several lines.
    pub fn area(name: &'static str, label: &str, rows: u8) -> Self {
        Self::new(name, label, Kind::Area(rows))
    }

    /// A file.
    pub fn file(name: &'static str, label: &str) -> Self {
        Self::new(name, label, Kind::File)
    }

    /// One of several values, in a list that opens.
    pub fn select(name: &'static str, label: &str, choices: &[(&str, String)]) -> Self {
        Self::new(name, label, Kind::Select(Choice::all(choices)))
    }

    /// One of several values, all in view.
    pub fn radios(name: &'static str, label: &str, choices: &[(&str, String)]) -> Self {
        Self::new(name, label, Kind::Radios(Choice::all(choices)))
    }

    /// Any of several values.
    pub fn checks(name: &'static str, label: &str, choices: &[(&str, String)]) -> Self {
        Self::new(name, label, Kind::Checks(Choice::all(choices)))
    }

    /// With a sentence that helps.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.hint = hint.into();
        self
    }

    /// May stay blank.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// What a browser may fill in by itself (WCAG 1.3.5).
    #[must_use]
    pub fn autocomplete(mut self, kind: &'static str) -> Self {
        self.autocomplete = kind;
        self
    }

    /// With this value to begin with.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.value = value.into();
        if let Kind::Select(choices) | Kind::Radios(choices) = &mut self.kind {
            choices.iter_mut().for_each(|choice| choice.chosen = choice.value == value);
        }
        self
    }

    /// With these boxes ticked to begin with.
    #[must_use]
    pub fn chosen(mut self, values: &[&str]) -> Self {
        if let Kind::Checks(choices) = &mut self.kind {
            choices.iter_mut().for_each(|choice| choice.chosen = values.contains(&choice.value.as_str()));
        }
        self
    }

    fn refill(&mut self, sent: &Sent) {
        let values = sent.all(self.name);
        match &mut self.kind {
            Kind::Line(_) | Kind::Area(_) => {
                self.value = values.first().map(|text| text.to_string()).unwrap_or_default()
            }
            Kind::File => {}
            Kind::Select(choices) | Kind::Radios(choices) | Kind::Checks(choices) => {
                choices.iter_mut().for_each(|choice| choice.chosen = values.contains(&choice.value.as_str()));
            }
        }
    }

    /// Radio buttons and boxes are a group with a legend; everything else has one label.
    fn group(&self) -> Option<(&'static str, &[Choice])> {
        match &self.kind {
            Kind::Radios(choices) => Some(("radio", choices)),
            Kind::Checks(choices) => Some(("checkbox", choices)),
            _ => None,
        }
    }

    /// The ids of hint and fault, for `aria-describedby`.
    fn described(&self) -> String {
        let hint = (!self.hint.is_empty()).then(|| format!("h-{}{}", self.prefix, self.name));
        let fault = self.fault.is_some().then(|| format!("e-{}{}", self.prefix, self.name));
        hint.into_iter().chain(fault).collect::<Vec<_>>().join(" ")
    }
}

impl Choice {
    fn all(choices: &[(&str, String)]) -> Vec<Self> {
        let one =
            |(value, label): &(&str, String)| Self { value: (*value).into(), label: label.clone(), chosen: false };
        choices.iter().map(one).collect()
    }
}

/// The choices of a vocabulary: word and label of each value.
macro_rules! choices {
    ($vocabulary:ty) => {
        <$vocabulary>::ALL
            .iter()
            .map(|value| (value.slug(), $crate::web::show::capital(value.label())))
            .collect::<Vec<(&str, String)>>()
    };
}
pub(super) use choices;

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        Sent(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    fn form() -> Form {
        let colours = [("red", "Red".to_string()), ("blue", "Blue".to_string())];
        Form {
            action: "/paint".into(),
            token: "t".into(),
            submit: "Paint".into(),
            parts: vec![Part::plain(vec![
                Field::line("name", "Name").hint("As on the door"),
                Field::checks("colour", "Colours", &colours),
            ])],
            ..Form::default()
        }
    }

    #[test]
    fn a_fault_is_linked_and_what_was_typed_stays() {
        let sent = sent(&[("name", "\"><b>"), ("colour", "blue")]);
        let mut faults = Faults::default();
        faults.add("name", "Too <bold>");
        let html = form().again(&sent, faults).to_string();
        for part in [
            r##"<a href="#f-name">Too &#60;bold&#62;</a>"##,
            r#"aria-invalid="true""#,
            r#"aria-describedby="h-name e-name""#,
            r#"value="&#34;&#62;&#60;b&#62;""#,
            r#"value="blue" checked"#,
            r#"name="csrf" value="t""#,
        ] {
            assert!(html.contains(part), "no {part} in\n{html}");
        }
        assert!(!html.contains("<b>"), "{html}");
    }

    #[test]
    fn a_blank_field_is_asked_for_and_a_wrong_one_is_explained() {
        for (text, value, fault) in [
            ("41", Some(41), None),
            ("", None, Some("Enter the number of boats")),
            ("many", None, Some("Invalid digit found in string")),
        ] {
            let mut faults = Faults::default();
            let parsed: Option<u8> = faults.parsed(&sent(&[("boats", text)]), "boats", "the number of boats");
            let said = faults.0.first().map(|(_, text)| text.as_str());
            assert_eq!((parsed, said), (value, fault), "{text}");
        }
    }

    #[test]
    fn every_field_has_a_label() {
        let html = form().to_string();
        assert!(html.contains(r#"<label for="f-name">"#), "{html}");
        assert!(html.contains("<legend>Colours"), "{html}");
        assert_eq!(html.matches("<label").count(), 3, "{html}");
    }

    #[test]
    fn faults_say_what_is_missing() {
        let mut faults = Faults::default();
        faults.text(&sent(&[("name", "  ")]), "name", "a name", 10);
        faults.text(&sent(&[("name", "eleven bytes")]), "name", "a name", 11);
        assert_eq!(faults.number(&sent(&[("n", "7")]), "n", "a number", 1..=7), Some(7));
        assert_eq!(faults.number(&sent(&[("n", "8")]), "n", "a number", 1..=7), None);
        assert_eq!(faults.0.len(), 3);
        assert_eq!(faults.0[0].1, "Enter a name");
    }
}

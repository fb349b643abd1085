//! Where traces go and how, by the standard variables of OpenTelemetry.
//!
//! The SDK reads some of them by itself (sampler, headers, resource) and passes over a value that it does not
//! understand. Here each is looked at first: whoever set a variable meant something by it. Values are not repeated in
//! what is said, since some hold secrets.

use crate::problem::Problem;
use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use std::{ffi::OsString, net::IpAddr, ops::RangeInclusive, time::Duration};

/// Spans that wait to be sent. Some 2 KB each: the most is 128 MB, and what is usual 4 MB.
const QUEUE: (usize, RangeInclusive<usize>) = (2_048, 1..=65_536);
/// Spans in one request.
const BATCH: (usize, RangeInclusive<usize>) = (512, 1..=8_192);
/// How long the first span of a request waits for others, in milliseconds.
const PAUSE_MS: (usize, RangeInclusive<usize>) = (5_000, 1..=60_000);
/// How long a request and its repetitions may take, in milliseconds.
const TIME_MS: (usize, RangeInclusive<usize>) = (10_000, 1..=60_000);

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Where traces go and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to, whole.
    pub endpoint: String,
    /// Of that, what may be shown: scheme, host and port.
    pub shown: String,
    /// Is it another machine, and without TLS?
    pub is_open: bool,
    /// Spans that wait.
    pub queue_max: usize,
    /// Spans in one request.
    pub batch_max: usize,
    /// How long a request is waited with until it is full.
    pub pause: Duration,
    /// How long a request and its repetitions may take.
    pub time_max: Duration,
}

/// Reads the variables; `None` where no traces are wanted.
///
/// # Errors
/// A value that cannot be meant: which variable, and what it may be.
pub fn read(of: impl Fn(&str) -> Option<OsString>) -> Result<Option<Settings>, Problem> {
    let variables = Variables(&of);
    if variables.get("OTEL_SDK_DISABLED")?.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    match variables.get("OTEL_TRACES_EXPORTER")?.as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Ok(None),
        Some(_) => return Err(wrong("OTEL_TRACES_EXPORTER", "`otlp` or `none` is what there is")),
    }
    let Some(endpoint) = variables.endpoint()? else { return Ok(None) };
    variables.only("PROTOCOL", "http/protobuf", "traces are sent as `http/protobuf` alone, mostly to port 4318")?;
    variables.only("COMPRESSION", "none", "nothing is compressed: leave it out")?;
    for part in ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"] {
        let help = "the collector's certificate is one that the system trusts, or that SSL_CERT_FILE names, and we \
                    show none: leave it out, or put a collector on this machine in between";
        variables.only(part, "", help)?;
    }
    variables.headers()?;
    variables.sampler()?;
    let queue_max = variables.number(&["OTEL_BSP_MAX_QUEUE_SIZE"], QUEUE)?;
    let batch = (BATCH.0.min(queue_max), *BATCH.1.start()..=queue_max.min(*BATCH.1.end()));
    let time = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
    let ms = |value: usize| Duration::from_millis(value as u64);
    Ok(Some(Settings {
        shown: endpoint.origin().ascii_serialization(),
        is_open: endpoint.scheme() == "http" && !is_here(&endpoint),
        endpoint: endpoint.into(),
        queue_max,
        batch_max: variables.number(&["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], batch)?,
        pause: ms(variables.number(&["OTEL_BSP_SCHEDULE_DELAY"], PAUSE_MS)?),
        time_max: ms(variables.number(&time, TIME_MS)?),
    }))
}

fn wrong(name: &str, help: impl Into<String>) -> Problem {
    Problem::usage(format!("{name} has a value that no traces can be sent by"), help)
}

/// Is it this machine?
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

struct Variables<'f, F>(&'f F);

impl<F: Fn(&str) -> Option<OsString>> Variables<'_, F> {
    /// The value of a variable; an empty one is none, as the standard says.
    fn get(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = (self.0)(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        value.into_string().map(Some).map_err(|_| wrong(name, "it is not UTF-8"))
    }

    /// The first of several that has a value, with its name.
    fn first(&self, names: &[&'static str]) -> Result<Option<(&'static str, String)>, Problem> {
        for name in names {
            if let Some(value) = self.get(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// The variable for traces is the whole URL; that for everything is completed by the path for traces.
    fn endpoint(&self) -> Result<Option<Url>, Problem> {
        let names = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        let Some((name, text)) = self.first(&names)? else { return Ok(None) };
        let like = "it is a URL such as http://127.0.0.1:4318";
        let mut url = Url::parse(&text).map_err(|error| wrong(name, like).because(error))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong(name, format!("{like}; only http and https are spoken")));
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(wrong(name, "put credentials into OTEL_EXPORTER_OTLP_HEADERS; a URL has none here, and no #"));
        }
        if name == names[1] {
            let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(Some(url))
    }

    /// The two variables that end so have this value, or none.
    fn only(&self, ending: &str, value: &str, help: &str) -> Result<(), Problem> {
        for name in [format!("OTEL_EXPORTER_OTLP_TRACES_{ending}"), format!("OTEL_EXPORTER_OTLP_{ending}")] {
            if self.get(&name)?.is_some_and(|found| found != value) {
                return Err(wrong(&name, help));
            }
        }
        Ok(())
    }

    /// `name=value` with commas between them, and `%` before two hexadecimal digits.
    fn headers(&self) -> Result<(), Problem> {
        let names = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
        let Some((name, text)) = self.first(&names)? else { return Ok(()) };
        let is_header = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            HeaderValue::from_str(&decoded(value.trim())?).ok()
        };
        if text.split_terminator(',').map(str::trim).all(|pair| is_header(pair).is_some()) {
            return Ok(());
        }
        Err(wrong(name, "it is `name=value`, with commas between several and %20 for a space"))
    }

    fn sampler(&self) -> Result<(), Problem> {
        let Some(sampler) = self.get("OTEL_TRACES_SAMPLER")? else { return Ok(()) };
        if !SAMPLERS.contains(&sampler.as_str()) {
            return Err(wrong("OTEL_TRACES_SAMPLER", format!("it is one of {}", SAMPLERS.join(", "))));
        }
        let name = "OTEL_TRACES_SAMPLER_ARG";
        match self.get(name)? {
            Some(ratio) if sampler.ends_with("traceidratio") => match ratio.parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(()),
                _ => Err(wrong(name, "it is the share of traces that is sent, from 0 to 1, such as 0.1")),
            },
            _ => Ok(()),
        }
    }

    fn number(&self, names: &[&'static str], (usual, range): (usize, RangeInclusive<usize>)) -> Result<usize, Problem> {
        let Some((name, text)) = self.first(names)? else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| wrong(name, format!("it is a number from {} to {}", range.start(), range.end())))
    }
}

/// The text with `%41` and the like made bytes, if that is UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Exit;

    const AT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    fn with(variables: &[(&str, &str)]) -> Result<Option<Settings>, Problem> {
        read(|name| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn nothing_is_sent_unless_an_endpoint_is_set() {
        let off: [&[(&str, &str)]; 5] = [
            &[],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[("OTEL_TRACES_SAMPLER", "sometimes"), ("OTEL_SERVICE_NAME", "ours")],
            &[AT, ("OTEL_SDK_DISABLED", "TRUE")],
            &[AT, ("OTEL_TRACES_EXPORTER", "none")],
        ];
        for variables in off {
            assert_eq!(with(variables).unwrap(), None, "{variables:?}");
        }
    }

    #[test]
    fn the_endpoint_is_whole_or_is_completed_and_its_secrets_are_not_shown() {
        let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        for (name, value, endpoint, shown, is_open) in [
            (AT.0, AT.1, "http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318", false),
            (AT.0, "https://c.example/otlp/", "https://c.example/otlp/v1/traces", "https://c.example", false),
            (AT.0, "http://c.example:4318", "http://c.example:4318/v1/traces", "http://c.example:4318", true),
            (traces, "https://c.example/in?key=s", "https://c.example/in?key=s", "https://c.example", false),
            (traces, "http://[::1]:9/", "http://[::1]:9/", "http://[::1]:9", false),
        ] {
            let settings = with(&[(name, value)]).unwrap().unwrap();
            assert_eq!((settings.endpoint.as_str(), settings.shown.as_str()), (endpoint, shown));
            assert_eq!(settings.is_open, is_open, "{value}");
        }
        let both = with(&[AT, (traces, "http://127.0.0.1:9/here")]).unwrap().unwrap();
        assert_eq!(both.endpoint, "http://127.0.0.1:9/here");
    }

    #[test]
    fn a_value_that_cannot_be_meant_is_refused_and_not_repeated() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "10.0.0.7:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://secret.example:4317"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://me:secret@collector.example"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/secret.pem"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,c d=secret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0asecret"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "1000000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "5s"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1h"),
        ] {
            let problem = with(&[AT, (name, value)]).unwrap_err();
            let said = format!("{:?}", miette::Report::new(problem));
            assert!(said.contains(name) && !said.contains("secret") && !said.contains(value), "{said}");
        }
        let ratio = [AT, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        assert_eq!(with(&ratio).unwrap_err().exit(), Exit::Usage);
        let batch = [AT, ("OTEL_BSP_MAX_QUEUE_SIZE", "100"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "101")];
        assert_eq!(with(&batch).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let settings = with(&[AT]).unwrap().unwrap();
        let bounds = (settings.queue_max, settings.batch_max, settings.pause.as_millis(), settings.time_max.as_secs());
        assert_eq!(bounds, (2_048, 512, 5_000, 10));
        let fine = [
            AT,
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-tenant=a,"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ];
        assert_eq!(with(&fine).unwrap().unwrap().batch_max, 100);
    }
}

//! From the text of a file to a [`Node`]: YAML 1.2, one document, within hard limits.
//!
//! | limit | |
//! |---|---|
//! | nesting | 64 levels |
//! | size, aliases expanded | 100,000 values and 4 MiB of text |
//! | keys | texts, each once in its mapping |
//! | tags | those of the core schema |
//!
//! Variables are substituted here, in values only, where it is still known what is quoted: after it, a plain value gets
//! its type from its text.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, Tag};

use super::super::Environment;
use super::node::{Entry, Kind, Node, Scalar, Value, kind, tagged};
use super::problem::{Position, Problems};
use super::substitute::{self, Failure};

const DEEPEST: usize = 64;
const MOST_VALUES: usize = 100_000;
const MOST_TEXT: usize = 4 << 20;

/// The document, or `None` when it is empty or can't be read; the latter is told in `problems`.
pub(super) fn compose(
    text: &str,
    environment: &dyn Environment,
    problems: &mut Problems,
) -> Option<Node> {
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        environment,
        problems,
        anchors: HashMap::new(),
        path: Vec::new(),
        values: 0,
        text: 0,
    };
    match composer.stream() {
        Ok(node) => node,
        Err(Stop { at, text }) => {
            let path = composer.path();
            composer.problems.error(at, path, text);
            None
        }
    }
}

/// Nothing can be read from here on.
struct Stop {
    at: Position,
    text: String,
}

/// A part of the path to the value that is being read.
enum Step {
    Key(String),
    Index(usize),
}

struct Composer<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    environment: &'a dyn Environment,
    problems: &'a mut Problems,
    /// Finished values with an anchor, with their size.
    anchors: HashMap<usize, (Node, Size)>,
    path: Vec<Step>,
    values: usize,
    text: usize,
}

#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    text: usize,
}

impl<'a> Composer<'a> {
    fn stream(&mut self) -> Result<Option<Node>, Stop> {
        let mut document = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) if document.is_some() => {
                    return Err(stop(&span, "a second document, where one is expected"));
                }
                Event::DocumentStart(..) => {
                    let Some((event, span)) = self.next()? else {
                        break;
                    };
                    document = Some(self.node(event, &span, 0)?);
                }
                _ => {}
            }
        }
        Ok(document)
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Stop> {
        self.parser.next_event().transpose().map_err(|error| {
            let marker = error.marker();
            let text = match error.kind() {
                // Where a secret was meant to stand, it may begin with `*` or `!`: no message repeats what is there.
                ErrorKind::UnknownAnchor => {
                    "an alias whose anchor is not defined; a text that begins with `*` needs quotes"
                        .to_owned()
                }
                ErrorKind::RecursionLimitExceeded => too_deep(),
                ErrorKind::UnexpectedCharacter { .. } => {
                    "a character that no value begins with; quotes make it a text".to_owned()
                }
                kind => format!("not YAML: {kind}"),
            };
            Stop {
                at: position(marker.line(), marker.col()),
                text,
            }
        })
    }

    fn following(&mut self, at: &Span) -> Result<(Event<'a>, Span), Stop> {
        self.next()?
            .ok_or_else(|| stop(at, "not YAML: the document ends within it"))
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Stop> {
        if depth > DEEPEST {
            return Err(stop(span, too_deep()));
        }
        let before = Size {
            values: self.values,
            text: self.text,
        };
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                (self.list(span, depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                (self.map(span, depth)?, anchor)
            }
            Event::Alias(id) => (self.alias(id, span)?, 0),
            _ => return Err(stop(span, "not YAML: a value is expected")),
        };
        if anchor != 0 {
            let size = Size {
                values: self.values - before.values,
                text: self.text - before.text,
            };
            self.grow(size, span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn list(&mut self, start: &Span, depth: usize) -> Result<Node, Stop> {
        self.grow(ONE, start)?;
        let mut items = Vec::new();
        loop {
            let (event, span) = self.following(start)?;
            if event == Event::SequenceEnd {
                break;
            }
            self.path.push(Step::Index(items.len()));
            items.push(self.node(event, &span, depth + 1)?);
            self.path.pop();
        }
        Ok(Node {
            value: Value::List(items),
            at: begin(start),
        })
    }

    fn map(&mut self, start: &Span, depth: usize) -> Result<Node, Stop> {
        self.grow(ONE, start)?;
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.following(start)?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.key(event, &span)?;
            let key_at = begin(&span);
            let (event, value_span) = self.following(&span)?;
            self.path.push(Step::Key(key.clone()));
            let mut value = self.node(event, &value_span, depth + 1)?;
            if value.is_null() {
                // The parser has nothing to point at.
                value.at = key_at;
            }
            if entries.iter().any(|entry| entry.key == key) {
                let path = self.path();
                self.problems.error(key_at, path, "the key is there twice");
            } else {
                entries.push(Entry { key, key_at, value });
            }
            self.path.pop();
        }
        Ok(Node {
            value: Value::Map(entries),
            at: begin(start),
        })
    }

    /// Keys are what is written: no variables, and no other type than text.
    fn key(&mut self, event: Event<'a>, span: &Span) -> Result<String, Stop> {
        let Event::Scalar(text, style, _, _) = event else {
            return Err(stop(span, "a key that is not a text"));
        };
        if style == ScalarStyle::Plain {
            if text == "<<" {
                return Err(stop(
                    span,
                    "the merge key `<<`, which YAML 1.2 does not have; an alias as a value works",
                ));
            }
            if kind(&text) != Kind::Text {
                return Err(stop(span, "a key that is not a text; quotes make it one"));
            }
        }
        self.grow(
            Size {
                values: 0,
                text: text.len(),
            },
            span,
        )?;
        Ok(text.into_owned())
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Node, Stop> {
        let Some((_, size)) = self.anchors.get(&id) else {
            return Err(stop(span, "an alias of what it is itself a part of"));
        };
        self.grow(*size, span)?;
        // It was there two lines ago, and `grow` removes nothing.
        let node = self.anchors.get(&id).map(|(node, _)| node.clone());
        node.ok_or_else(|| stop(span, "an alias whose anchor is not defined"))
    }

    fn scalar(
        &mut self,
        raw: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Node, Stop> {
        let at = begin(span);
        let text = match substitute::substituted(raw, self.environment) {
            Ok(text) => text,
            Err(failure) => {
                let path = self.path();
                self.problems.error(at, path, explain(&failure));
                return Ok(Node {
                    value: Value::Broken,
                    at,
                });
            }
        };
        let substituted = text.is_some() && substitute::has_reference(raw);
        let text = text.unwrap_or_else(|| raw.to_owned());
        self.grow(
            Size {
                values: 1,
                text: text.len(),
            },
            span,
        )?;
        let kind = match tag {
            Some(tag) => {
                let tagged = tag.core_suffix().and_then(|suffix| tagged(&text, suffix));
                let unfit =
                    "a tag that is not of YAML's core schema, or that its value does not fit";
                tagged.ok_or_else(|| stop(span, unfit))?
            }
            None if style == ScalarStyle::Plain => kind(&text),
            None => Kind::Text,
        };
        let scalar = Scalar {
            text,
            kind,
            substituted,
        };
        Ok(Node {
            value: Value::Scalar(scalar),
            at,
        })
    }

    fn check_tag(&self, tag: Option<&Tag>, expected: &str, span: &Span) -> Result<(), Stop> {
        match tag.map(Tag::core_suffix) {
            None => Ok(()),
            Some(Some(suffix)) if suffix == expected => Ok(()),
            Some(_) => Err(stop(
                span,
                "a tag that is not of YAML's core schema, or that its value does not fit",
            )),
        }
    }

    fn grow(&mut self, by: Size, span: &Span) -> Result<(), Stop> {
        self.values += by.values;
        self.text += by.text;
        if self.values > MOST_VALUES || self.text > MOST_TEXT {
            let text = format!(
                "the document is too large: more than {MOST_VALUES} values or {} MiB of text, with aliases and variables in their places",
                MOST_TEXT >> 20
            );
            return Err(stop(span, text));
        }
        Ok(())
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) => super::cursor::push_key(&mut path, key),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

const ONE: Size = Size { values: 1, text: 0 };

fn explain(failure: &Failure) -> String {
    match failure {
        Failure::Invalid => {
            "an invalid reference to a variable: it is ${NAME} or ${NAME:-default}, and $$ is a plain $"
                .to_owned()
        }
        Failure::NotUtf8(name) => format!("the variable {name} is not UTF-8"),
        Failure::TooLong => "too long with its variables in their places".to_owned(),
    }
}

fn too_deep() -> String {
    format!("nested more than {DEEPEST} levels deep")
}

fn stop(span: &Span, text: impl Into<String>) -> Stop {
    Stop {
        at: begin(span),
        text: text.into(),
    }
}

fn begin(span: &Span) -> Position {
    position(span.start.line(), span.start.col())
}

/// The parser's columns begin with 0.
fn position(line: usize, column: usize) -> Position {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: number(line),
        column: number(column).saturating_add(1),
    }
}

//! The spans of a trace as a tree, and its picture for a terminal.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Printable, Span, SpanStatus};

/// Columns after which deeper spans are no longer moved to the right: a chain of spans would fill the screen.
const MAX_INDENT: usize = 120;

/// Spans arranged by parent: roots and children ordered by start.
///
/// Kept flat, so that neither a chain of 100,000 spans nor a circle of parents can do harm.
#[derive(Clone, Debug)]
pub struct TraceTree {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Node {
    span: Arc<Span>,
    parent: Option<usize>,
    children: Vec<usize>,
}

/// A span in a [`TraceTree`].
#[derive(Clone, Copy, Debug)]
pub struct TreeNode<'a> {
    tree: &'a TraceTree,
    index: usize,
}

impl<'a> TreeNode<'a> {
    /// The span.
    pub fn span(self) -> &'a Span {
        &self.tree.nodes[self.index].span
    }

    /// Its children, ordered by start.
    pub fn children(self) -> impl Iterator<Item = TreeNode<'a>> {
        let tree = self.tree;
        tree.nodes[self.index]
            .children
            .iter()
            .map(move |&index| TreeNode { tree, index })
    }
}

impl TraceTree {
    pub(crate) fn new(mut spans: Vec<Arc<Span>>) -> Self {
        // A sort that is stable keeps the order of arrival where clocks are equal.
        spans.sort_by_key(|span| span.start_unix_nano);
        let mut index_of = HashMap::new();
        let mut nodes: Vec<Node> = Vec::with_capacity(spans.len());
        for span in spans {
            // A span that was delivered twice is shown once.
            index_of
                .entry((span.trace_id.clone(), span.span_id.clone()))
                .or_insert_with(|| {
                    nodes.push(Node {
                        span,
                        parent: None,
                        children: Vec::new(),
                    });
                    nodes.len() - 1
                });
        }
        let mut roots = Vec::new();
        for index in 0..nodes.len() {
            let span = &nodes[index].span;
            let parent = (span.trace_id.clone(), span.parent_span_id.clone());
            match index_of.get(&parent).filter(|_| !span.is_root()) {
                Some(&parent) if parent != index => {
                    nodes[index].parent = Some(parent);
                    nodes[parent].children.push(index);
                }
                _ => roots.push(index),
            }
        }
        let mut tree = Self { nodes, roots };
        tree.break_circles();
        tree
    }

    /// The spans without a parent in this tree, ordered by start.
    pub fn roots(&self) -> impl Iterator<Item = TreeNode<'_>> {
        self.roots
            .iter()
            .map(move |&index| TreeNode { tree: self, index })
    }

    /// All spans with their depth, each parent before its children.
    pub fn walk(&self) -> impl Iterator<Item = (usize, &Span)> {
        self.ordered()
            .into_iter()
            .map(|(depth, index)| (depth, &*self.nodes[index].span))
    }

    /// The number of different spans.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether there is exactly one root, and it is not a span whose parent is missing.
    pub fn is_whole(&self) -> bool {
        matches!(self.roots[..], [root] if self.nodes[root].span.is_root())
    }

    /// The names of the services, sorted.
    pub fn services(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.nodes.iter().map(|n| n.span.service.as_str()).collect();
        names.into_iter().collect()
    }

    /// From the first start to the last end.
    pub fn duration(&self) -> Duration {
        let start = self
            .nodes
            .iter()
            .map(|node| node.span.start_unix_nano)
            .min()
            .unwrap_or(0);
        let end = self
            .nodes
            .iter()
            .map(|node| node.span.end_unix_nano)
            .max()
            .unwrap_or(0);
        Duration::from_nanos(end.saturating_sub(start))
    }

    /// Spans that are each other's ancestors hang on no root: the earliest of each circle becomes one.
    fn break_circles(&mut self) {
        let mut reached = vec![false; self.nodes.len()];
        for (_, index) in self.ordered() {
            reached[index] = true;
        }
        for index in 0..self.nodes.len() {
            if reached[index] {
                continue;
            }
            if let Some(parent) = self.nodes[index].parent.take() {
                self.nodes[parent].children.retain(|&child| child != index);
            }
            self.roots.push(index);
            let mut open = vec![index];
            while let Some(next) = open.pop() {
                if !std::mem::replace(&mut reached[next], true) {
                    open.extend(&self.nodes[next].children);
                }
            }
        }
    }

    fn ordered(&self) -> Vec<(usize, usize)> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut open: Vec<(usize, usize)> =
            self.roots.iter().rev().map(|&root| (0, root)).collect();
        while let Some((depth, index)) = open.pop() {
            order.push((depth, index));
            open.extend(
                self.nodes[index]
                    .children
                    .iter()
                    .rev()
                    .map(|&child| (depth + 1, child)),
            );
        }
        order
    }
}

/// One line per span: branch, service, name, kind, duration and, where there is one, the error.
impl fmt::Display for TraceTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut open: Vec<(String, bool, bool, usize)> = self
            .roots
            .iter()
            .rev()
            .map(|&root| (String::new(), true, true, root))
            .collect();
        while let Some((indent, is_root, is_last, index)) = open.pop() {
            let branch = match (is_root, is_last) {
                (true, _) => "",
                (false, true) => "└─ ",
                (false, false) => "├─ ",
            };
            let node = &self.nodes[index];
            writeln!(
                f,
                "{indent}{branch}{}",
                Line {
                    span: &node.span,
                    orphan: is_root
                }
            )?;
            let below = match (is_root, is_last) {
                _ if indent.chars().count() >= MAX_INDENT => indent,
                (true, _) => indent,
                (false, true) => format!("{indent}   "),
                (false, false) => format!("{indent}│  "),
            };
            let last = node.children.last().copied();
            for &child in node.children.iter().rev() {
                open.push((below.clone(), false, Some(child) == last, child));
            }
        }
        Ok(())
    }
}

struct Line<'a> {
    span: &'a Span,
    /// Whether a parent ID means that the parent is missing.
    orphan: bool,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.span;
        let service = if span.service.is_empty() {
            "(no service)"
        } else {
            &span.service
        };
        write!(
            f,
            "{}  {}  {}",
            Printable(service),
            Printable(&span.name),
            span.kind.as_str()
        )?;
        write!(f, "  {:.2} ms", span.duration().as_secs_f64() * 1e3)?;
        match &span.status {
            SpanStatus::Unset => {}
            SpanStatus::Ok => f.write_str("  ok")?,
            SpanStatus::Error(what) if what.is_empty() => f.write_str("  ERROR")?,
            SpanStatus::Error(what) => write!(f, "  ERROR: {}", Printable(what))?,
        }
        if self.orphan && !span.is_root() {
            write!(f, "  (parent {} is missing)", span.parent_span_id)?;
        }
        Ok(())
    }
}

//! The selectors of a parsed query, each with how far back the query looks through it.
//!
//! The walk is our own: the parser's visitor never enters the parameter of an aggregation
//! (`topk(scalar(secret), up)` shows it only `up`).

use std::time::Duration;

use jiff::SignedDuration;
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinaryExpr, Call, Expr, MatrixSelector, Offset, ParenExpr, SubqueryExpr, UnaryExpr,
    VectorSelector,
};

use super::literals::Lifted;
use super::selector::Selector;
use super::{LOOKBACK_DELTA, Leaf, MAX_LEAVES, MAX_LOOK_BACK, PlanError};

/// All distinct leaves of a tree, in the order of the text.
pub(super) fn of(expression: &Expr, query: &Lifted<'_>) -> Result<Vec<Leaf>, PlanError> {
    let mut leaves = Leaves {
        query,
        found: Vec::new(),
        at_a_fixed_time: false,
    };
    leaves.walk(expression, Frame::default())?;
    match leaves.found.len() {
        0 if leaves.at_a_fixed_time => Err(PlanError::FixedTime),
        0 => Err(PlanError::NoSeries),
        count if count > MAX_LEAVES => Err(PlanError::TooManySelectors { count }),
        _ => Ok(leaves.found),
    }
}

#[derive(Debug)]
struct Leaves<'a> {
    query: &'a Lifted<'a>,
    found: Vec<Leaf>,
    at_a_fixed_time: bool,
}

/// What the subqueries around an expression add to it.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    /// Ranges of the enclosing subqueries, summed: the outermost evaluates the inner ones at its oldest step too.
    look_back: SignedDuration,
    /// Offsets of the enclosing subqueries, summed.
    offset: SignedDuration,
    /// An enclosing `@ <time>`.
    fixed: bool,
}

impl Leaves<'_> {
    fn walk(&mut self, expression: &Expr, frame: Frame) -> Result<(), PlanError> {
        match expression {
            Expr::Aggregate(AggregateExpr {
                op: _,
                expr,
                param,
                modifier: _,
            }) => {
                if let Some(parameter) = param {
                    self.walk(parameter, frame)?;
                }
                self.walk(expr, frame)
            }
            Expr::Unary(UnaryExpr { expr }) | Expr::Paren(ParenExpr { expr }) => self.walk(expr, frame),
            Expr::Binary(BinaryExpr {
                op: _,
                lhs,
                rhs,
                modifier: _,
            }) => {
                self.walk(lhs, frame)?;
                self.walk(rhs, frame)
            }
            Expr::Subquery(SubqueryExpr {
                expr,
                offset,
                at,
                range,
                step: _,
            }) => {
                let frame = frame.within(offset.as_ref(), at.as_ref())?;
                self.walk(
                    expr,
                    Frame {
                        look_back: bounded(frame.look_back, duration(range)?)?,
                        ..frame
                    },
                )
            }
            Expr::Call(Call { func: _, args }) => args.args.iter().try_for_each(|argument| self.walk(argument, frame)),
            Expr::VectorSelector(selector) => self.leaf(selector, None, frame),
            Expr::MatrixSelector(MatrixSelector { vs, range }) => self.leaf(vs, Some(duration(range)?), frame),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
            Expr::Extension(_) => Err(PlanError::NotUnderstood),
        }
    }

    fn leaf(
        &mut self,
        selector: &VectorSelector,
        range: Option<SignedDuration>,
        frame: Frame,
    ) -> Result<(), PlanError> {
        let outer = frame.look_back;
        let frame = frame.within(selector.offset.as_ref(), selector.at.as_ref())?;
        if frame.fixed {
            self.at_a_fixed_time = true;
            return Ok(());
        }
        let leaf = Leaf {
            selector: Selector::of(selector, self.query)?,
            range,
            look_back: bounded(outer, range.unwrap_or(LOOKBACK_DELTA))?,
            over_time: range.is_some() || !outer.is_zero(),
            offset: frame.offset,
        };
        if !self.found.contains(&leaf) {
            self.found.push(leaf);
        }
        Ok(())
    }
}

impl Frame {
    fn within(self, offset: Option<&Offset>, at: Option<&AtModifier>) -> Result<Self, PlanError> {
        let offset = match offset {
            None => SignedDuration::ZERO,
            Some(Offset::Pos(offset)) => duration(offset)?,
            Some(Offset::Neg(offset)) => -duration(offset)?,
        };
        // A fixed time replaces what stands around it. The start and the end of an instant query are its own time.
        match at {
            Some(AtModifier::At(_)) => Ok(Self { fixed: true, ..self }),
            Some(AtModifier::Start | AtModifier::End) => Ok(Self {
                offset,
                fixed: false,
                ..self
            }),
            None => Ok(Self {
                offset: bounded(self.offset, offset)?,
                ..self
            }),
        }
    }
}

/// A duration of the text in Prometheus' resolution; one below a millisecond is taken as one.
fn duration(duration: &Duration) -> Result<SignedDuration, PlanError> {
    let millis = i64::try_from(duration.as_millis()).map_err(|_| PlanError::LooksBackTooFar)?;
    bounded(SignedDuration::ZERO, SignedDuration::from_millis(millis.max(1)))
}

fn bounded(a: SignedDuration, b: SignedDuration) -> Result<SignedDuration, PlanError> {
    a.checked_add(b)
        .filter(|sum| sum.abs() <= MAX_LOOK_BACK)
        .ok_or(PlanError::LooksBackTooFar)
}

//! What of CEL a profile may use: what needs a time and a memory that grow with the answer, and not with its square.
//!
//! `docs/reference/profiles.md` has the grammar. A loop stands in no loop, and makes only lists of what it reads: so nothing
//! that comes out is larger than what went in.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

/// Most nodes of an expression.
pub(super) const MAX_NODES: usize = 160;
/// Deepest nesting.
pub(super) const MAX_DEPTH: usize = 24;

/// Operators of the language.
const OPERATORS: [&str; 12] = [
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::CONDITIONAL,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
    operators::INDEX,
];
/// Functions of one argument.
pub(super) const FUNCTIONS: [&str; 4] = ["size", "int", "double", "string"];
/// Functions of a value before the dot, and their number of arguments.
pub(super) const METHODS: [(&str, usize); 4] = [("size", 0), ("startsWith", 1), ("endsWith", 1), ("contains", 1)];

/// A macro, as the parser wrote it out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Macro<'a> {
    All(&'a IdedExpr),
    Exists(&'a IdedExpr),
    ExistsOne(&'a IdedExpr),
    /// `map` without a condition; `filter`, whose element is the variable itself; and `map` with one.
    List {
        keep: Option<&'a IdedExpr>,
        element: &'a IdedExpr,
    },
}

/// Whether an expression is one of the language, with these variables.
pub(super) fn check(expression: &IdedExpr, variables: &[&str]) -> Result<(), String> {
    let mut walk = Walk {
        variables,
        nodes: 0,
        of_loop: None,
    };
    walk.enter(expression, 0)
}

struct Walk<'a> {
    variables: &'a [&'a str],
    nodes: usize,
    /// The variable of the loop that this stands in.
    of_loop: Option<&'a str>,
}

impl<'a> Walk<'a> {
    fn enter(&mut self, expression: &'a IdedExpr, depth: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err("it is too long or too deep: ask for less, or in several gates".to_owned());
        }
        let depth = depth + 1;
        match &expression.expr {
            Expr::Ident(name) => self.variable(name),
            Expr::Literal(_) => Ok(()),
            Expr::Select(select) => self.enter(&select.operand, depth),
            Expr::List(list) if list.optional_indices.is_empty() => {
                list.elements.iter().try_for_each(|element| self.enter(element, depth))
            }
            Expr::Call(call) => self.call(call, depth),
            Expr::Comprehension(loops) => self.comprehension(loops, depth),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("it makes objects: an expression of a profile only reads".to_owned())
            }
        }
    }

    fn variable(&self, name: &str) -> Result<(), String> {
        if self.of_loop == Some(name) || self.variables.contains(&name) {
            return Ok(());
        }
        Err(format!(
            "there is no variable {name:?} here; there are {}",
            self.variables.join(", ")
        ))
    }

    fn call(&mut self, call: &'a CallExpr, depth: usize) -> Result<(), String> {
        let (name, arguments) = (call.func_name.as_str(), call.args.len());
        let is_known = match call.target {
            Some(_) => METHODS.contains(&(name, arguments)),
            None => OPERATORS.contains(&name) || (FUNCTIONS.contains(&name) && arguments == 1),
        };
        if !is_known {
            return Err(format!("{:?} is not part of the language", spelled(name)));
        }
        let target = call.target.as_deref();
        target
            .into_iter()
            .chain(&call.args)
            .try_for_each(|part| self.enter(part, depth))
    }

    fn comprehension(&mut self, loops: &'a ComprehensionExpr, depth: usize) -> Result<(), String> {
        if self.of_loop.is_some() {
            return Err("a macro stands in a macro: the time would grow with the square of the answer".to_owned());
        }
        self.enter(&loops.iter_range, depth)?;
        let name = loops.iter_var.as_str();
        if self.variables.contains(&name) {
            return Err(format!(
                "a macro has a variable {name:?} of its own, but one of that name is there already"
            ));
        }
        let written = macro_of(loops).ok_or("a macro is not part of the language")?;
        self.of_loop = Some(name);
        let body = match written {
            Macro::All(body) | Macro::Exists(body) | Macro::ExistsOne(body) => self.enter(body, depth),
            Macro::List { keep, element } => {
                let keep = keep.map_or(Ok(()), |keep| self.enter(keep, depth));
                keep.and_then(|()| self.enter(element, depth))
                    .and_then(|()| is_part_of(element, name))
            }
        };
        self.of_loop = None;
        body
    }
}

/// A list may be made of the items of another, or of parts of them.
fn is_part_of(element: &IdedExpr, variable: &str) -> Result<(), String> {
    match &element.expr {
        Expr::Ident(name) if name == variable => Ok(()),
        Expr::Select(select) if !select.test => is_part_of(&select.operand, variable),
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [of, _] => is_part_of(of, variable),
            _ => Err("an index has one place".to_owned()),
        },
        _ => Err("map may only pick a part of each item, such as map(row, row.Node)".to_owned()),
    }
}

/// Which macro it was that the parser wrote out; only macros make loops.
pub(super) fn macro_of(loops: &ComprehensionExpr) -> Option<Macro<'_>> {
    let boolean = |value: bool| Expr::Literal(LiteralValue::Boolean(value.into()));
    let start = &loops.accu_init.expr;
    if let Some([_, body]) = arguments(&loops.loop_step, operators::LOGICAL_AND)
        && *start == boolean(true)
    {
        return Some(Macro::All(body));
    }
    if let Some([_, body]) = arguments(&loops.loop_step, operators::LOGICAL_OR)
        && *start == boolean(false)
    {
        return Some(Macro::Exists(body));
    }
    let Some([condition, then, _]) = arguments(&loops.loop_step, operators::CONDITIONAL) else {
        return appended(&loops.loop_step).map(|element| Macro::List { keep: None, element });
    };
    Some(match appended(then) {
        Some(element) => Macro::List {
            keep: Some(condition),
            element,
        },
        None => Macro::ExistsOne(condition),
    })
}

/// `x` of `@result + [x]`.
fn appended(step: &IdedExpr) -> Option<&IdedExpr> {
    let [_, added] = arguments(step, operators::ADD)? else {
        return None;
    };
    let Expr::List(list) = &added.expr else { return None };
    list.elements.first()
}

fn arguments<'a>(expression: &'a IdedExpr, function: &str) -> Option<&'a [IdedExpr]> {
    match &expression.expr {
        Expr::Call(call) if call.func_name == function => Some(&call.args),
        _ => None,
    }
}

/// `_+_` as people write it.
fn spelled(function: &str) -> &str {
    function.trim_start_matches('@').trim_matches('_')
}

//! Expressions in CEL: compiled when a profile is loaded, under bounds that keep every evaluation short.
//!
//! The crate has no limit of cost of its own, and its parser and its evaluation recurse. So: a text is short; it is parsed on
//! a stack that is deep enough for the deepest of so short a text; what comes of it is small, shallow, without a loop in a
//! loop, and makes nothing larger than what it reads ([`grammar`]); and what it reads is bounded ([`values`]). A proof must
//! not hold of nothing ([`proof`]).

mod grammar;
mod proof;
pub(crate) mod values;

use std::sync::{Arc, LazyLock};
use std::thread;

use autoscaler_api::limits::MAX_EXPRESSION;
use cel::{Context, Env, Program, Value};

/// Enough for a text of nothing but brackets. Only the pages that are used are real.
const STACK: usize = 64 << 20;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) struct Expression(Arc<Program>);

/// What an expression may read, and what it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use<'a> {
    /// The variables that have a value.
    pub(crate) variables: &'a [&'a str],
    /// It must not hold of nothing.
    pub(crate) is_proof: bool,
}

/// The variables of one evaluation.
pub(crate) type Variables = Vec<(&'static str, Value)>;

impl Expression {
    /// Compiles a text, or tells what is wrong with it.
    pub(crate) fn compile(text: &str, purpose: Use<'_>) -> Result<Self, String> {
        let length = text.chars().count();
        if length > MAX_EXPRESSION {
            return Err(format!("it has {length} characters, and may have {MAX_EXPRESSION}"));
        }
        thread::scope(|scope| {
            let compile = thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, || parse(text, purpose));
            let compile = compile.map_err(|_| "there is no memory for compiling it".to_owned())?;
            // Whatever the parser trips over is a fault of this text and of nothing else.
            compile.join().unwrap_or_else(|_| Err("it cannot be parsed".to_owned()))
        })
    }

    /// Its value; none where something it reads is not there, or not of the kind it needs.
    pub(crate) fn evaluate(&self, variables: &Variables) -> Option<Value> {
        static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));
        let mut context = Context::with_env(Arc::clone(&STANDARD));
        for (name, value) in variables {
            context.add_variable_from_value(*name, value.clone());
        }
        self.0.execute(&context).ok()
    }

    /// Whether it reads this variable.
    pub(crate) fn reads(&self, variable: &str) -> bool {
        self.0.references().has_variable(variable)
    }
}

fn parse(text: &str, purpose: Use<'_>) -> Result<Expression, String> {
    let program = Program::compile(text).map_err(|errors| first_line(&errors.to_string()))?;
    grammar::check(program.expression(), purpose.variables)?;
    if purpose.is_proof {
        proof::check(program.expression())?;
    }
    Ok(Expression(Arc::new(program)))
}

/// What is wrong, without the text and the arrow below it.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or("it cannot be parsed").to_owned()
}

#[cfg(test)]
mod tests;

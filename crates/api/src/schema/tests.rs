//! Properties of the schema as a whole. What the API server makes of it is the admission suite's to show.

use serde_json::json;

use super::*;

fn schema() -> Value {
    schema_of(&custom_resource_definition())
}

fn schema_of(definition: &Value) -> Value {
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// The schemas of all kinds.
fn schemas() -> [Value; 2] {
    [schema(), schema_of(&profile_definition())]
}

/// Calls `visit` with the path and the schema of every field below.
fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), field, visit);
    }
    if schema["items"].is_object() {
        walk(&format!("{path}[]"), &schema["items"], visit);
    }
}

#[test]
fn no_field_is_nullable_and_no_enum_holds_null() {
    for schema in schemas() {
        walk("", &schema, &mut |path, field| {
            assert_eq!(field.get("nullable"), None, "{path}");
            let values = field["enum"].as_array().cloned().unwrap_or_default();
            assert!(!values.contains(&Value::Null), "{path}");
        });
    }
}

#[test]
fn every_string_list_and_number_of_the_spec_is_bounded() {
    for schema in schemas() {
        let spec = &schema["properties"]["spec"];
        walk("spec", spec, &mut |path, field| match field["type"].as_str() {
            Some("array") => assert!(field["maxItems"].is_i64() || field["maxItems"].is_u64(), "{path}"),
            Some("string") => assert!(field["maxLength"].is_u64() || field["enum"].is_array(), "{path}"),
            Some("integer") => assert!(field["minimum"].is_i64() && field["maximum"].is_i64(), "{path}"),
            Some("object" | "boolean") => {}
            _ => assert_eq!(field["maxLength"], 32, "{path}: a quantity"),
        });
    }
}

#[test]
fn every_string_and_list_of_the_status_is_bounded() {
    for schema in schemas() {
        let status = &schema["properties"]["status"];
        walk("status", status, &mut |path, field| match field["type"].as_str() {
            Some("array") => assert!(field["maxItems"].is_u64() || field["maxItems"].is_i64(), "{path}"),
            Some("string") => {
                let bounded = field["maxLength"].is_u64() || field["enum"].is_array() || field["format"] == "date-time";
                assert!(bounded, "{path}");
            }
            Some("integer" | "object") => {}
            other => panic!("{path}: {other:?}"),
        });
    }
}

#[test]
fn every_field_is_described_in_prose_without_line_breaks_of_the_source() {
    for schema in schemas() {
        walk("", &schema["properties"]["spec"], &mut |path, field| {
            if path.ends_with("[]") {
                return assert_eq!(field.get("description"), None, "{path} is described by its list");
            }
            let text = field["description"].as_str().unwrap_or_default();
            assert!(text.ends_with(['.', '`']), "{path}: {text:?}");
            assert!(!text.replace("\n\n", "").contains('\n'), "{path}: {text:?}");
            assert!(!text.contains("[`"), "{path} links to Rust: {text:?}");
        });
    }
}

#[test]
fn defaults_stand_only_on_top_level_scalars_of_the_spec() {
    let mut defaults = Vec::new();
    for schema in schemas() {
        walk("", &schema, &mut |path, field| {
            if let Some(default) = field.get("default") {
                defaults.push((path.to_owned(), default.clone()));
            }
        });
    }
    let expected = [
        (".spec.intervalSeconds", json!(15)),
        (".spec.minReplicas", json!(1)),
        (".spec.mode", json!("Active")),
    ];
    assert_eq!(defaults, expected.map(|(path, default)| (path.to_owned(), default)));
}

#[test]
fn formats_are_those_the_api_server_knows() {
    for schema in schemas() {
        walk("", &schema, &mut |path, field| {
            let format = field["format"].as_str().unwrap_or("int32");
            assert!(["int32", "int64", "date-time"].contains(&format), "{path}: {format}");
        });
    }
}

#[test]
fn an_entry_of_current_metrics_begins_with_its_name_where_describe_sorts_keys() {
    let schema = schema();
    let entry = &schema["properties"]["status"]["properties"]["currentMetrics"]["items"]["properties"];
    let first = entry.as_object().unwrap().keys().min().map(String::as_str);
    assert_eq!(first, Some("name"));
}

#[test]
fn lines_of_a_paragraph_are_joined_and_paragraphs_kept() {
    assert_eq!(paragraphs("one\ntwo\n\nthree\nfour"), "one two\n\nthree four");
}

#[test]
fn whole_bounds_lose_their_point_and_others_keep_it() {
    assert_eq!(whole(&json!(3600.0)), json!(3600));
    assert_eq!(whole(&json!(-1.0)), json!(-1));
    assert_eq!(whole(&json!(0.5)), json!(0.5));
    assert_eq!(whole(&json!(7)), json!(7));
}

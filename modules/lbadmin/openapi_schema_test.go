// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// schemas makes schemas of Go types, described by their comments.
type schemas struct {
	all      object            // by name
	comments map[string]string // by TYPE and TYPE.FIELD
}

// special are the schemas of types that have a form of their own in JSON.
var special = map[reflect.Type]object{
	reflect.TypeFor[time.Time](): {"type": "string", "format": "date-time"},
	reflect.TypeFor[[]byte]():    {"type": "string", "format": "byte"},
	reflect.TypeFor[balancer.Server](): {
		"type": "object", "required": []string{"name", "address"}, "additionalProperties": true, "properties": object{"name": object{"type": "string"}, "address": object{"type": "string"}},
		"description": "A server, as in apps.passthrough.backends.BACKEND.servers of the configuration's JSON.",
	},
	reflect.TypeFor[Value]():  {"type": "number", "nullable": true},
	reflect.TypeFor[weight](): {"oneOf": []any{object{"type": "integer"}, object{"type": "string"}}},
}

// of returns the schema of a type, or a reference to it.
func (s *schemas) of(t reflect.Type) object {
	if known, ok := special[t]; ok {
		return known
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		if _, ok := s.all[t.Name()]; !ok {
			s.all[t.Name()] = object{} // ends a recursion
			s.all[t.Name()] = s.ofStruct(t)
		}
		return ref("schemas", t.Name())
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	default:
		panic("no schema of " + t.String())
	}
}

func (s *schemas) ofStruct(t reflect.Type) object {
	properties, required := make(object), []string{}
	var inJSON []string // pairs of the names in Go and in JSON
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			inJSON = append(inJSON, f.Name, name)
		}
	}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		schema := s.of(f.Type)
		owner := t
		if len(f.Index) > 1 {
			owner = t.FieldByIndex(f.Index[:len(f.Index)-1]).Type
		}
		if text := s.comments[owner.Name()+"."+f.Name]; text != "" {
			if schema["$ref"] != nil {
				schema = object{"allOf": []any{schema}}
			}
			schema = with(schema, "description", translate(text, inJSON))
		}
		properties[name] = schema
		if !strings.HasPrefix(options, "omit") {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if text := s.comments[t.Name()]; text != "" {
		out["description"] = text
	}
	return out
}

// translate replaces names of Go by those of JSON.
func translate(text string, pairs []string) string {
	for i := 0; i < len(pairs); i += 2 {
		text = regexp.MustCompile(`\b`+pairs[i]+`\b`).ReplaceAllString(text, pairs[i+1])
	}
	return text
}

// with returns an object with another member.
func with(o object, name string, value any) object {
	out := object{name: value}
	maps.Copy(out, o)
	return out
}

// readComments returns the comments on the types of packages and on their fields. A field without
// one has that of the field above it, if no line is between them.
func readComments(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range file.Decls {
				if types, ok := declared.(*ast.GenDecl); ok && types.Tok == token.TYPE {
					addComments(all, types)
				}
			}
		}
	}
	return all
}

func addComments(all map[string]string, types *ast.GenDecl) {
	for _, spec := range types.Specs {
		declared := spec.(*ast.TypeSpec)
		if text := oneLine(types.Doc); text != "" {
			all[declared.Name.Name] = text
		}
		fields, ok := declared.Type.(*ast.StructType)
		if !ok {
			continue
		}
		text := ""
		for _, f := range fields.Fields.List {
			if f.Doc != nil {
				text = oneLine(f.Doc)
			}
			for _, name := range f.Names {
				if strings.Contains(text, name.Name) {
					all[declared.Name.Name+"."+name.Name] = text
				}
			}
		}
	}
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

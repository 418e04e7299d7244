// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/caddy-passthrough/caddy-passthrough" // the modules
)

// unwritten are the options that users do not write.
var unwritten = []string{"origin"} // the line of haproxy.cfg, from the adapter

// The documentation names every module of these kinds, and every option of each: `name` or `name
// ARGS`.
func TestDocumentedWords(t *testing.T) {
	configuration := documented(t, "configuration.md")
	all := documented(t, "*.md")
	_, section, _ := strings.Cut(configuration, "\n## Policies\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, kind := range []struct{ namespace, page string }{
		{"passthrough.policies", section}, {"passthrough.checks", all}, {"layer4.handlers.passthrough", configuration}, {"passthrough.frontend", configuration}, {"layer4.matchers.client_hello", configuration}, {"http.handlers.passthrough_backend", configuration},
	} {
		modules := caddy.GetModules(kind.namespace)
		if m, err := caddy.GetModule(kind.namespace); err == nil {
			modules = append(modules, m)
		}
		if len(modules) == 0 {
			t.Errorf("no module in %s", kind.namespace)
		}
		for _, m := range modules {
			if name := m.ID.Name(); !names(kind.page, name) {
				t.Errorf("module %s: the documentation does not name `%s`", m.ID, name)
			}
			for _, word := range jsonWords(reflect.TypeOf(m.New()), nil) {
				if !names(all, word) && !slices.Contains(unwritten, word) {
					t.Errorf("module %s: the documentation does not name its option `%s`", m.ID, word)
				}
			}
		}
	}
}

// documented returns the text of all pages that a pattern matches.
func documented(t *testing.T, pattern string) string {
	files, err := filepath.Glob(filepath.Join("..", "docs", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no page %s: %v", pattern, err)
	}
	var text strings.Builder
	for _, file := range files {
		if filepath.Base(file) == "haproxy.md" { // it lists HAProxy's words
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(body)
	}
	return text.String()
}

// names reports whether a text has a word as code: at the beginning of a span, after a space or a
// brace in one, or as a JSON key.
func names(text, word string) bool {
	for _, form := range []string{"`" + word + "`", "`" + word + "[]`", "`" + word + " ", "`" + word + "\\|", "`" + word + ".", "\"" + word + "\"", " " + word + "`", "." + word + "`", "`{l4.client_hello." + word} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// jsonWords returns the JSON names of a configuration struct's fields, nested ones included.
func jsonWords(of reflect.Type, seen []reflect.Type) (words []string) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	if slices.Contains(seen, of) {
		return nil
	}
	for field := range of.Fields() {
		word, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.Anonymous && (word == "" || word == "-") {
			continue
		}
		if word != "" && word != "-" {
			words = append(words, word)
		}
		words = append(words, jsonWords(field.Type, append(seen, of))...)
	}
	return words
}

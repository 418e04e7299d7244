// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peering"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml")

const openAPIFile = "../../docs/openapi.yaml"

// operation describes a method of a route.
type operation struct {
	summary      string
	body, answer any
	parameters   []parameter
}

// parameter describes a query parameter.
type parameter struct{ name, kind, text string }

var sessionQuery = []parameter{
	{"frontend", "string", "Those of a frontend."},
	{"backend", "string", "Those of a backend."},
	{"server", "string", "Those of the servers of that name; with backend, of one."},
	{"source", "string", "Those of an address, or of a network such as 192.0.2.0/24."},
	{"name", "string", "Those for a server name; *.DOMAIN stands for all names below a domain."},
	{"older_than", "string", "Those that are at least that old, such as 5m."},
	{"idle_for", "string", "Those without a byte for that long, such as 90s."},
}

var tableQuery = []parameter{
	{"key", "string", "The entry of a key."},
	{"data.VALUE.OPERATOR", "integer", "Entries whose VALUE (such as conn_rate) is eq, ne, lt, le, gt or ge a number. May be repeated."},
}

// operations are the methods of all routes.
var operations = map[string]operation{
	"GET overview":             {summary: "Sums up the state of the process.", answer: Overview{}},
	"GET process":              {summary: "Describes the process.", answer: Process{}},
	"PATCH process":            {summary: "Changes limits of the process, and shows it.", body: ProcessChange{}, answer: Process{}},
	"PATCH frontends/FRONTEND": {summary: "Changes a frontend, and shows it.", body: FrontendChange{}, answer: Frontend{}},
	"GET events": {summary: "Lists the last events, the oldest first. With follow, further ones come as they happen, one JSON object in a line, until the next reload.", answer: []events.Event{}, parameters: []parameter{
		{"since", "integer", "Those after the event with a number."},
		{"limit", "integer", "The highest number to list, the newest ones; 0: all."},
		{"follow", "boolean", "Follow the events."},
	}},
	"GET certificates": {summary: "Lists the certificates of the servers whose checks use TLS.", answer: Certificates{}},
	"GET peers":        {summary: "Shows the peers that exchange the entries of stick tables.", answer: []peering.Status{}},
	"GET dns":          {summary: "Shows the resolvers and their host names.", answer: []Resolver{}},
	"GET overrides":    {summary: "Lists the values that were set at run time and differ from the configuration.", answer: []Override{}},
	"DELETE overrides": {summary: "Returns values to those of the configuration: of a server, a frontend, the process, or all.", answer: Dropped{}, parameters: []parameter{
		{"backend", "string", "The backend of the server."},
		{"server", "string", "The server."},
		{"frontend", "string", "The frontend."},
		{"process", "integer", "1: those of the process."},
		{"key", "string", "The value; without it, all values."},
		{"all", "integer", "1: those of everything."},
	}},
	"GET backends/BACKEND/servers":           {summary: "Shows the servers of a backend, by name.", answer: map[string]Server{}},
	"POST backends/BACKEND/servers":          {summary: "Adds a server, which begins in maintenance, and shows it.", body: balancer.Server{}, answer: Server{}},
	"DELETE backends/BACKEND/servers/SERVER": {summary: "Removes a server that is in maintenance and has no connections, and shows the servers that are left.", answer: map[string]Server{}},
	"POST counters/reset":                    {summary: "Resets the highest numbers, and with all=1 all counters.", answer: Overview{}, parameters: []parameter{{"all", "integer", "1: all counters."}}},
	"GET errors":                             {summary: "Lists the last faulty messages of clients and servers.", answer: Errors{}},
	"DELETE errors":                          {summary: "Forgets the faulty messages.", answer: Errors{}},
	"GET overload":                           {summary: "Shows the stage of overload, and the resources that it depends on.", answer: limits.Report{}},
	"GET history":                            {summary: "Shows the last hour of the process.", answer: Trends{}},
	"GET frontends":                          {summary: "Shows all frontends, by name.", answer: map[string]Frontend{}},
	"GET frontends/FRONTEND":                 {summary: "Shows a frontend.", answer: Frontend{}},
	"GET listeners":                          {summary: "Lists the listeners of all frontends.", answer: []Listener{}},
	"GET flow":                               {summary: "Shows the ways of connections: listeners, rules, backends and servers with their rates.", answer: control.Flow{}},
	"POST explain":                           {summary: "Says what the frontends would do with a connection, and why. It changes nothing.", body: control.Probe{}, answer: []control.Explanation{}},
	"GET names":                              {summary: "Lists the server names that clients ask for most.", answer: Names{}},
	"GET backends":                           {summary: "Shows all backends, by name.", answer: Backends{}},
	"GET backends/BACKEND":                   {summary: "Shows a backend.", answer: Backend{}},
	"GET backends/BACKEND/servers/SERVER":    {summary: "Shows a server.", answer: Server{}},
	"PATCH backends/BACKEND/servers/SERVER":  {summary: "Changes a server, and shows it.", body: Change{}, answer: Server{}},
	"GET sessions":                           {summary: "Counts the connections; with parameters, lists those that match all of them, the oldest first.", answer: Sessions{}, parameters: append([]parameter{{"limit", "integer", "The highest number to list, by default 100; 0: all."}}, sessionQuery...)},
	"DELETE sessions":                        {summary: "Ends the connections that match all parameters, of which there must be one.", answer: Ended{}, parameters: sessionQuery},
	"GET sessions/ID":                        {summary: "Shows a connection.", answer: Session{}},
	"DELETE sessions/ID":                     {summary: "Ends a connection.", answer: Ended{}},
	"GET tables":                             {summary: "Shows all stick tables, by name.", answer: map[string]Table{}},
	"GET tables/TABLE":                       {summary: "Lists entries of a stick table.", answer: []stick.Entry{}, parameters: tableQuery},
	"POST tables/TABLE":                      {summary: "Sets values of an entry, which is created if necessary, and shows it.", body: Set{}, answer: []stick.Entry{}},
	"DELETE tables/TABLE":                    {summary: "Clears entries of a stick table.", answer: Cleared{}, parameters: tableQuery},
}

func init() {
	for word, of := range map[string]string{"maps": "a map", "acls": "a file of ACLs"} {
		version := []parameter{{"version", "integer", "The version; without it, the one in use."}}
		file := word + "/FILE"
		maps.Copy(operations, map[string]operation{
			"GET " + word:  {summary: "Lists the " + word + " files that the configuration uses.", answer: []control.PatternFile{}},
			"GET " + file:  {summary: "Lists the entries of " + of + ". FILE is its name, with %2F for a slash, or %23 and its id.", answer: []control.PatternEntry{}, parameters: version},
			"POST " + file: {summary: "Adds entries to " + of + ", all or none of them, and shows the file.", body: AddPatterns{}, answer: control.PatternFile{}, parameters: version},
			"DELETE " + file: {summary: "Removes entries of " + of + ", as the one parameter says, and shows the file.", answer: control.PatternFile{}, parameters: []parameter{
				{"key", "string", "All entries with a key."}, {"id", "integer", "One entry."}, {"version", "integer", "All entries of a version."}, {"all", "integer", "1: all entries of the version in use."},
			}},
			"GET " + file + "/match":    {summary: "Looks a value up in " + of + ", by each method that it is used with.", answer: []control.PatternMatch{}, parameters: []parameter{{"value", "string", "The value."}}},
			"POST " + file + "/prepare": {summary: "Begins a new version of " + of + ".", answer: PatternVersion{}},
			"POST " + file + "/commit":  {summary: "Puts a version of " + of + " into use, all entries at once, and shows the file.", body: PatternVersion{}, answer: control.PatternFile{}},
			"POST " + file + "/reset":   {summary: "Drops the changes of " + of + " made at run time, by reading the file again.", answer: control.PatternFile{}},
		})
	}
	operations["PATCH maps/FILE"] = operation{summary: "Sets the value of entries of a map, and shows the map.", body: SetPattern{}, answer: control.PatternFile{}}
}

// TestOpenAPI compares docs/openapi.yaml with the routes and the types of their answers.
func TestOpenAPI(t *testing.T) {
	methods := make(map[string]bool)
	for _, r := range routes {
		for m := range r.methods {
			methods[m+" "+r.path] = true
		}
	}
	for name := range operations {
		if !methods[name] {
			t.Errorf("%s is described, but not a route", name)
		}
	}
	for name := range methods {
		if _, ok := operations[name]; !ok {
			t.Errorf("%s is not described", name)
		}
	}
	want, err := yaml.Marshal(newDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	want = append([]byte("# Written by go test ./modules/lbadmin -update, from the types of that package.\n"), want...)
	if *update {
		if err := os.WriteFile(openAPIFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is out of date: run go test ./modules/lbadmin -update", path.Base(openAPIFile))
	}
	loaded, err := openapi3.NewLoader().LoadFromData(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

type object = map[string]any

func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

func newDocument(t *testing.T) object {
	s := &schemas{comments: readComments(t, "../limits", "../stick", "../events", "../control", "."), all: object{"Error": object{
		"type": "object", "required": []string{"error"}, "properties": object{"error": object{"type": "string", "description": "What is wrong, and what was expected."}},
	}}}
	paths := make(object)
	for _, r := range routes {
		item := make(object)
		for _, p := range pathParameters(r.path) {
			list, _ := item["parameters"].([]any)
			item["parameters"] = append(list, object{"name": p, "in": "path", "required": true, "schema": object{"type": "string"}})
		}
		for m := range r.methods {
			item[strings.ToLower(m)] = s.operation(operations[m+" "+r.path])
		}
		paths[prefix+templated(r.path)] = item
	}
	return object{
		"openapi": "3.0.3",
		"info":    object{"title": "caddy-passthrough", "version": "1", "description": "The state of the load balancer, and changes at run time: routes of Caddy's admin endpoint."},
		"servers": []any{object{"url": "http://localhost:2019"}},
		"paths":   paths,
		"components": object{"schemas": s.all, "responses": object{"Error": object{
			"description": "Refused: 400 for wrong input, 404 for an unknown name, 409 if the state does not allow the change, 413 for a body of more than 4 KiB.",
			"content":     jsonOf(ref("schemas", "Error")),
		}}},
	}
}

func jsonOf(schema object) object { return object{"application/json": object{"schema": schema}} }

// pathParameters returns the names in a path.
func pathParameters(path string) (names []string) {
	for word := range strings.SplitSeq(path, "/") {
		if word == strings.ToUpper(word) {
			names = append(names, word)
		}
	}
	return names
}

// templated writes the names in a path as {NAME}.
func templated(path string) string {
	words := strings.Split(path, "/")
	for i, word := range words {
		if word == strings.ToUpper(word) {
			words[i] = "{" + word + "}"
		}
	}
	return strings.Join(words, "/")
}

func (s *schemas) operation(o operation) object {
	out := object{"summary": o.summary, "responses": object{
		"200":     object{"description": "Done.", "content": jsonOf(s.of(reflect.TypeOf(o.answer)))},
		"default": ref("responses", "Error"),
	}}
	if o.body != nil {
		out["requestBody"] = object{"required": true, "content": jsonOf(s.of(reflect.TypeOf(o.body)))}
	}
	for _, p := range o.parameters {
		list, _ := out["parameters"].([]any)
		out["parameters"] = append(list, object{"name": p.name, "in": "query", "description": p.text, "schema": object{"type": p.kind}})
	}
	return out
}

var document = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromFile(openAPIFile) })

// checkSchema compares an answer with docs/openapi.yaml.
func checkSchema(t *testing.T, method, target string, body []byte) {
	t.Helper()
	d, err := document()
	if err != nil {
		t.Fatal(err)
	}
	escaped, _, _ := strings.Cut(target, "?")
	r, _, err := find(escaped)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	schema := d.Paths.Value(prefix + templated(r.path)).GetOperation(method).Responses.Value("200").Value.Content["application/json"].Schema.Value
	if err := schema.VisitJSON(value); err != nil {
		t.Errorf("%s %s: %v", method, target, err)
	}
}

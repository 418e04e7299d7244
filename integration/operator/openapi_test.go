// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const openAPIFile = "../../docs/openapi.yaml"

func loadDocument(t testing.TB) *openapi3.T {
	t.Helper()
	d, err := openapi3.NewLoader().LoadFromFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// validate compares JSON with the schema of an operation's answer.
func validate(t testing.TB, d *openapi3.T, method, path string, text []byte) {
	t.Helper()
	item := d.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		t.Fatalf("%s %s is not documented", method, path)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	schema := item.GetOperation(method).Responses.Value("200").Value.Content["application/json"].Schema.Value
	if err := schema.VisitJSON(value); err != nil {
		t.Errorf("%s %s: %v", method, path, err)
	}
}

// ask sends a request to the admin endpoint.
func (r *rig) ask(t testing.TB, method, path, body string, headers http.Header) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range headers {
		if name == "Host" {
			request.Host = values[0]
			continue
		}
		request.Header[name] = values
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}

// runWithAll runs a configuration with something for each route, and keeps a connection.
func runWithAll(t *testing.T) (r *rig, names *strings.Replacer) {
	t.Helper()
	r = newRig(t)
	file := filepath.Join(r.dir, "names.map")
	if err := os.WriteFile(file, []byte("mail.test mail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(r.dir, "list.acl")
	if err := os.WriteFile(list, []byte("192.0.2.0/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	configuration := r.caddyfile(fmt.Sprintf("\t\tmetrics\n\t\tset_var proc.x str(a),map_str(%s)\n\t\tstick_table t {\n\t\t\ttype ip\n\t\t\tsize 100\n\t\t\tstore gpc0 conn_rate(10s)\n\t\t}\n", file))
	r.run(t, strings.Replace(configuration, "\t\t\tdefault_backend", "\t\t\tuse_backend mail acl src -f "+list+"\n\t\t\tdefault_backend", 1))
	return r, strings.NewReplacer("{FRONTEND}", "tls", "{BACKEND}", "web", "{SERVER}", "s1", "{TABLE}", "t")
}

// path returns a path of the document with names of the configuration.
func (r *rig) path(template string, names *strings.Replacer, session uint64) string {
	file := "names.map"
	if strings.HasPrefix(template, "/passthrough/acls") {
		file = "list.acl"
	}
	return strings.NewReplacer("{FILE}", url.PathEscape(filepath.Join(r.dir, file)), "{ID}", fmt.Sprint(session)).Replace(names.Replace(template))
}

// bodies are the bodies of requests, with their query, in the order in which they are sent.
var bodies = []struct{ method, path, query, body string }{
	{"PATCH", "/passthrough/process", "", `{"maxconn": 10000}`},
	{"PATCH", "/passthrough/frontends/{FRONTEND}", "", `{"maxconn": 1000, "session_rate_limit": 500}`},
	{"PATCH", "/passthrough/backends/{BACKEND}/servers/{SERVER}", "", `{"weight": "50%", "maxconn": 9}`},
	{"POST", "/passthrough/backends/{BACKEND}/servers", "", `{"name": "s9", "address": "127.0.0.1:1"}`},
	{"DELETE", "/passthrough/backends/{BACKEND}/servers/{SERVER}", "", ""},
	{"POST", "/passthrough/explain", "", `{"frontend": "tls", "name": "a.test", "source": "192.0.2.7:50000"}`},
	{"POST", "/passthrough/counters/reset", "?all=1", ""},
	{"POST", "/passthrough/tables/{TABLE}", "", `{"key": "192.0.2.1", "data": {"gpc0": 1}}`},
	{"DELETE", "/passthrough/tables/{TABLE}", "?data.gpc0.gt=0", ""},
	{"POST", "/passthrough/maps/{FILE}", "", `{"entries": [{"key": "x.test", "value": "web"}]}`},
	{"PATCH", "/passthrough/maps/{FILE}", "", `{"key": "x.test", "value": "mail"}`},
	{"POST", "/passthrough/maps/{FILE}/prepare", "", ""},
	{"POST", "/passthrough/maps/{FILE}/commit", "", `{"version": 1}`},
	{"POST", "/passthrough/maps/{FILE}/reset", "", ""},
	{"DELETE", "/passthrough/maps/{FILE}", "?key=mail.test", ""},
	{"POST", "/passthrough/acls/{FILE}", "", `{"entries": [{"key": "198.51.100.0/24"}]}`},
	{"POST", "/passthrough/acls/{FILE}/prepare", "", ""},
	{"POST", "/passthrough/acls/{FILE}/commit", "", `{"version": 1}`},
	{"POST", "/passthrough/acls/{FILE}/reset", "", ""},
	{"DELETE", "/passthrough/acls/{FILE}", "?all=1", ""},
	{"DELETE", "/passthrough/errors", "", ""},
	{"DELETE", "/passthrough/overrides", "?all=1", ""},
	{"DELETE", "/passthrough/sessions/{ID}", "", ""},
	{"DELETE", "/passthrough/sessions", "?server=s1&backend=web", ""},
}

// queries are the parameters of GET, by path.
var queries = map[string]string{"/passthrough/sessions": "?limit=10", "/passthrough/maps/{FILE}/match": "?value=mail.test", "/passthrough/acls/{FILE}/match": "?value=192.0.2.7", "/passthrough/events": "?limit=9"}

// TestAnswers compares the answers of each documented operation with its schema.
func TestAnswers(t *testing.T) {
	t.Parallel()
	d := loadDocument(t)
	r, names := runWithAll(t)
	var sessions struct {
		Sessions []struct {
			ID   uint64 `json:"id"`
			Name string `json:"name"`
		} `json:"sessions"`
	}
	held, err := tls.Dial("tcp", r.front, &tls.Config{InsecureSkipVerify: true, ServerName: "www.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if refused, err := net.Dial("tcp", r.front); err == nil { // for GET errors
		_, _ = refused.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		_, _ = io.Copy(io.Discard, refused)
		_ = refused.Close()
	}
	until(t, "the connection is listed", func() bool {
		_, text := r.ask(t, http.MethodGet, "/passthrough/sessions?name=www.example.test", "", nil)
		return json.Unmarshal(text, &sessions) == nil && len(sessions.Sessions) > 0
	})
	id := sessions.Sessions[0].ID
	described := make(map[string]bool)
	for path, item := range d.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
		if item.Get != nil {
			described["GET "+path] = false
			status, text := r.ask(t, http.MethodGet, r.path(path, names, id)+queries[path], "", nil)
			if status != http.StatusOK {
				t.Errorf("GET %s: %d %s", path, status, text)
				continue
			}
			validate(t, d, http.MethodGet, path, text)
		}
	}
	for _, b := range bodies {
		described[b.method+" "+b.path] = false
		path := r.path(b.path, names, id)
		if b.method == http.MethodDelete {
			path = strings.Replace(path, "/servers/s1", "/servers/s9", 1) // which was added
		}
		status, text := r.ask(t, b.method, path+b.query, b.body, nil)
		if status != http.StatusOK {
			t.Errorf("%s %s: %d %s", b.method, b.path, status, text)
			continue
		}
		validate(t, d, b.method, b.path, text)
	}
	for operation, missing := range described {
		if missing {
			t.Errorf("%s is documented, but not tested here", operation)
		}
	}
}

// TestForeignOrigins sends the requests that other sites may make a browser send: all are refused.
func TestForeignOrigins(t *testing.T) {
	t.Parallel()
	d := loadDocument(t)
	r, names := runWithAll(t)
	for path, item := range d.Paths.Map() {
		for method := range item.Operations() {
			for _, foreign := range []http.Header{
				{"Origin": {"http://evil.example"}},
				{"Host": {"evil.example"}},
				{"Host": {"evil.example"}, "Origin": {"http://evil.example"}},
				{"Origin": {"null"}},
				{"Sec-Fetch-Mode": {"no-cors"}},
			} {
				if status, text := r.ask(t, method, r.path(path, names, 1), `{"weight": 7}`, foreign); status != http.StatusForbidden && status != http.StatusBadRequest || strings.Contains(string(text), "expected") {
					t.Errorf("%s %s with %v: %d %s", method, path, foreign, status, text)
				}
			}
			if status, text := r.ask(t, "PUT", r.path(path, names, 1), "", nil); status != http.StatusMethodNotAllowed {
				t.Errorf("PUT %s: %d %s", path, status, text)
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// Mistakes that only the modules find are errors of the command too.
func TestCheckValidates(t *testing.T) {
	file := folder(t, map[string]string{
		"wrong.cfg": "defaults\n" + timeoutLines + "listen l\n\tbind 127.0.0.1:443\n\toption httpchk\n\thttp-check send hdr a:b c\n\tserver s1 192.0.2.1:443 check\n",
	}) + "/wrong.cfg"
	var out, messages bytes.Buffer
	command := checkCommand{paths: []string{file}}
	if code := command.run(nil, &out, &messages); code != 1 || !strings.Contains(messages.String(), "[ALERT]   "+file+":") {
		t.Errorf("code %d:\n%s", code, messages.String())
	}
}

// An error has the line of its cause, in any file.
func TestValidate(t *testing.T) {
	sources := []haproxyfile.Source{
		{Name: "a.cfg", Text: []byte("defaults\n" + timeoutLines + "frontend f\n\tbind 127.0.0.1:443\n\tuse_backend b if { src 192.0.2.1 }\n\tdefault_backend b\n")},
		{Name: "b.cfg", Text: []byte("# more\nbackend b\n\tbalance first\n\toption redis-check\n\tserver s1 192.0.2.1:443 check\n\tserver s2 192.0.2.2:443\n")},
	}
	var config string
	Translate(sources, Options{Getenv: func(string) (string, bool) { return "", false }, Validate: func(made []byte) error { config = string(made); return nil }})
	for _, want := range []string{`"origin":"a.cfg:5 bind=6 rule=7 default_backend=8"`, `"origin":"b.cfg:2 check=4 server=5-6"`} {
		if !strings.Contains(config, want) {
			t.Errorf("no %s in\n%s", want, config)
		}
	}
	for _, c := range []struct{ from, to, want string }{
		{"", "", ""},
		{`"policy":"first"`, `"policy":"last"`, "b.cfg:2: backend \"b\": balance: unknown policy \"last\""},
		{`"name":"s2"`, `"name":"s1"`, "b.cfg:6: backend \"b\": servers 1 and 2 are both named \"s1\""},
		{`"default_backend":"b"`, `"default_backend":"c"`, "a.cfg:8: "},
		{`"address":"127.0.0.1:443"`, `"address":"udp/:443"`, "a.cfg:6: frontend \"f\": bind 1: address \"udp/:443\": expected"},
		{`"module":"redis"`, `"module":"sider"`, "b.cfg:5: backend \"b\": server 1 \"s1\": check: "},
		{`"origin"`, `"from"`, "unknown field"},
	} {
		got := ""
		if p := problemFrom(validateJSON([]byte(strings.Replace(config, c.from, c.to, 1))), sources); p != nil {
			got = p.Message
			if p.File != "" {
				got = p.String()
			}
		}
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", c.to, got, c.want)
		}
	}
}

func TestLocate(t *testing.T) {
	sources := []haproxyfile.Source{{Name: "a.cfg"}, {Name: "conf d/b+c.cfg"}}
	for text, want := range map[string]string{
		"loading x: provision y: a.cfg:12: backend \"b\": no":             "a.cfg:12: backend \"b\": no",
		"conf d/b+c.cfg:3: frontend \"f\": a:1: no":                       "conf d/b+c.cfg:3: frontend \"f\": a:1: no",
		"loading x: ba.cfg:12: no":                                        "Caddy refuses the translated configuration: loading x: ba.cfg:12: no",
		"loading app modules: module name 'x': unknown module: caddy.x.y": "Caddy refuses the translated configuration: loading app modules: module name 'x': unknown module: caddy.x.y",
	} {
		p := problemFrom(errors.New(text), sources)
		got := p.Message
		if p.File != "" {
			got = p.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder writes files by name into a new directory; a name may include a subdirectory.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheckCommand(t *testing.T) {
	const first, second = "defaults\n" + timeoutLines + "frontend f\n\tbind :443\n\tdefault_backend b\n", "backend b\n\tserver s1 192.0.2.1:443\n"
	dir := folder(t, map[string]string{
		"conf/10.cfg": first, "conf/20.cfg": second, "conf/15.txt": "nonsense\n", "conf/.hidden.cfg": "nonsense\n", "conf/sub.cfg/x": "nonsense\n",
		"whole.cfg": first + second, "wrong.cfg": first + "backend b\n\tserver s1 192.0.2.1:443 weigth 4\n", "silent.cfg": second,
		"acl.cfg":         "frontend f\n\tbind :443\n" + timeoutLines + "\ttcp-request connection reject if { src -f lists/blocked }\n\tdefault_backend b\n" + second,
		"lists/blocked":   "192.0.2.0/24\n",
		"lists/other.cfg": second,
	})
	for name, c := range map[string]struct {
		files          []string
		code           int
		says, fails    string
		pretty, asJSON bool
	}{
		"one file":                        {files: []string{"whole.cfg"}, says: "Configuration file is valid\n"},
		"two files":                       {files: []string{"conf/10.cfg", "conf/20.cfg"}, says: "valid"},
		"a folder":                        {files: []string{"conf"}, says: "valid"},
		"one after the other":             {files: []string{"conf/10.cfg"}, code: 1, fails: "10.cfg:7: Proxy 'f': unable to find required default_backend: 'b'"},
		"a mistake":                       {files: []string{"wrong.cfg"}, code: 1, fails: "[ALERT]   " + filepath.Join(dir, "wrong.cfg") + ":9: 'server b/s1' : unknown keyword 'weigth'; did you mean 'weight' maybe ?"},
		"no listener":                     {files: []string{"silent.cfg"}, code: 2, fails: "listens on no address"},
		"no file":                         {files: []string{"nothing.cfg"}, code: 1, fails: "no such file"},
		"none":                            {code: 1, fails: "expected -f FILE"},
		"relative to the first file":      {files: []string{"acl.cfg"}, says: "valid"},
		"relative to the first, not next": {files: []string{"lists/other.cfg", "acl.cfg"}, code: 1, fails: filepath.Join(dir, "lists", "lists", "blocked")},
		"JSON":                            {files: []string{"conf"}, asJSON: true, says: `{"apps":`},
		"pretty JSON":                     {files: []string{"conf"}, asJSON: true, pretty: true, says: "{\n\t\"apps\": {\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := checkCommand{json: c.asJSON, pretty: c.pretty, verbose: !c.asJSON}
			for _, file := range c.files {
				cmd.paths = append(cmd.paths, filepath.Join(dir, file))
			}
			var out, messages bytes.Buffer
			code := cmd.run(nil, &out, &messages)
			if code != c.code || !strings.Contains(out.String(), c.says) || !strings.Contains(messages.String(), c.fails) {
				t.Errorf("ended with %d, want %d\nsaid %s\nwant %s\nfailed with %s\nwant %s", code, c.code, &out, c.says, &messages, c.fails)
			}
			if c.asJSON && !json.Valid(out.Bytes()) {
				t.Errorf("no JSON: %s", &out)
			}
		})
	}
}

func TestAdapter(t *testing.T) {
	text := []byte(frontend("option tcplog", "default_backend b"))
	config, warnings, err := Adapter{}.Adapt(text, map[string]any{"filename": "haproxy.cfg"})
	if err != nil || !json.Valid(config) || len(warnings) != 1 {
		t.Fatalf("%s, %v, %v", config, warnings, err)
	}
	if w := warnings[0]; w.File != "haproxy.cfg" || w.Line != 5 || w.Message != "log format ignored for frontend 'f' since it has no log address." {
		t.Errorf("warning %+v", w)
	}
	config, _, err = Adapter{}.Adapt([]byte(frontend("default_backend c", "use_backend d")), map[string]any{"filename": "haproxy.cfg"})
	if want := "haproxy.cfg:7: Proxy 'f': unable to find required default_backend: 'c'; did you mean 'b' maybe ?\nhaproxy.cfg:8: Proxy 'f': unable to find required use_backend: 'd'; did you mean 'b' maybe ?"; err == nil || err.Error() != want || config != nil {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Without a configuration file there is no directory for relative file names.
func TestFileNames(t *testing.T) {
	dir := folder(t, map[string]string{"block.lst": "192.0.2.0/24\n", "names.map": "a.test b\n"})
	lines := func(name string) []byte {
		return []byte(frontend("tcp-request connection reject if { src -f "+name+" }", "use_backend b"))
	}
	for name, c := range map[string]struct{ options, file, want string }{
		"relative":            {filepath.Join(dir, "haproxy.cfg"), "block.lst", ""},
		"absolute":            {"", filepath.Join(dir, "block.lst"), ""},
		"nowhere":             {"", "block.lst", `"block.lst": a relative file name is only available if the configuration is a file`},
		"missing":             {filepath.Join(dir, "haproxy.cfg"), "no.lst", "failed to open pattern file <" + filepath.Join(dir, "no.lst") + ">"},
		"missing, and absent": {"", "/nowhere/no.lst", "failed to open pattern file </nowhere/no.lst>"},
	} {
		options := map[string]any{}
		if c.options != "" {
			options["filename"] = c.options
		}
		config, _, err := Adapter{}.Adapt(lines(c.file), options)
		switch {
		case c.want == "" && (err != nil || !strings.Contains(string(config), filepath.Join(dir, "block.lst"))):
			t.Errorf("%s: %s, %v", name, config, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	config, _, err := Adapter{}.Adapt([]byte(frontend("use_backend %[req.ssl_sni,map(names.map)]")), map[string]any{"filename": filepath.Join(dir, "haproxy.cfg")})
	if err != nil || !strings.Contains(string(config), filepath.Join(dir, "names.map")) {
		t.Errorf("%s, %v", config, err)
	}
}

func TestDefaultPath(t *testing.T) {
	dir := folder(t, map[string]string{"up/block.lst": "192.0.2.0/24\n"})
	text := frontend("tcp-request connection reject if { src -f block.lst }", "use_backend b")
	for path, works := range map[string]bool{"origin " + filepath.Join(dir, "up"): true, "parent": true, "config": false, "origin up": false, "sideways": false, "current": false} {
		_, _, err := Adapter{}.Adapt([]byte("global\n\tdefault-path "+path+"\n"+text), map[string]any{"filename": filepath.Join(dir, "up", "conf", "haproxy.cfg")})
		if (err == nil) != works {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, _, err := Adapter{}.Adapt([]byte("global\n\tdefault-path config\n"+text), nil)
	if err == nil || !strings.Contains(err.Error(), errNoDirectory.Error()) {
		t.Error(err)
	}
}

// Warnings with the same reason are one warning that lists all lines.
func TestNotices(t *testing.T) {
	t0 := newTranslation("3.2")
	pos := func(line int) (p statement) { p.File, p.Line = "a.cfg", line; return p }
	for line := range 14 {
		t0.notice(pos(line+1).Pos, pending, "later 100%", "word")
	}
	t0.notice(pos(3).Pos, ignored, "later 100%", "other")
	other := pos(9)
	other.File = "b.cfg"
	t0.notice(other.Pos, ignored, "later 100%", "third")
	t0.warnNotices()
	var got []string
	for _, p := range t0.problems {
		got = append(got, p.String())
	}
	want := []string{
		"a.cfg:1: accepted but not implemented yet: 'word': later 100% (also lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 3 more)",
		"a.cfg:3: ignored, without any effect on the traffic: 'other', 'third': later 100% (also line b.cfg:9)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

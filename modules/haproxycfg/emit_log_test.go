// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logs returns the logs of a translation.
func logs(t *testing.T, text string) map[string]any {
	t.Helper()
	r := translated(t, text)
	if r.Failed {
		t.Fatalf("%v", r.Problems)
	}
	var config struct {
		Logging struct{ Logs map[string]any }
	}
	if err := json.Unmarshal(r.JSON, &config); err != nil {
		t.Fatal(err)
	}
	return config.Logging.Logs
}

// TestLogTargets has the writer that each target becomes.
func TestLogTargets(t *testing.T) {
	const servers = "\nring r\n\tmaxlen 1200\n\tsize 100k\n\tserver a 192.0.2.9:601 log-proto octet-count\n\tserver b /run/ring\nring named\n\tformat rfc5424\n\tserver a logs.example.com\n"
	for line, want := range map[string]string{
		"log 192.0.2.9 local0":                                 `[{"address": "udp/192.0.2.9:514", "facility": "local0", "length": 1024}]`,
		"log 192.0.2.9:1514 len 8192 local7 notice":            `[{"address": "udp/192.0.2.9:1514", "facility": "local7", "length": 8192, "level": "notice"}]`,
		"log [2001:db8::9]:515 format rfc5424 daemon info err": `[{"address": "udp/[2001:db8::9]:515", "format": "rfc5424", "hostname": "-", "facility": "daemon", "length": 1024, "level": "info", "min_level": "err"}]`,
		"log logs.example.com:514 format rfc3164 user":         `[{"address": "udp/logs.example.com:514", "format": "rfc3164", "hostname": "localhost", "facility": "user", "length": 1024}]`,
		"log syslog local0":                                    `[{"address": "udp/syslog:514", "facility": "local0", "length": 1024}]`,
		"log udp6@logs.example.com:0 local0":                   `[{"address": "udp6/logs.example.com:514", "facility": "local0", "length": 1024}]`,
		"log tcp@192.0.2.9:601 sample 1,3-5:10 local0":         `[{"address": "tcp/192.0.2.9:601", "sample": "1,3-5:10", "facility": "local0", "length": 1024}]`,
		"log /dev/log local0":                                  `[{"address": "unixgram//dev/log", "facility": "local0", "length": 1024}]`,
		"log uxst@/run/log format raw local0":                  `[{"address": "unix//run/log", "format": "raw", "facility": "local0", "length": 1024}]`,
		"log abnsz@log local0":                                 `[{"address": "unixgram/@log", "facility": "local0", "length": 1024}]`,
		"log abns@log local0":                                  `[{"address": "unixgram/@log` + strings.Repeat(`\u0000`, 104) + `", "facility": "local0", "length": 1024}]`,
		"log stdout format iso local0":                         `[{"address": "stdout", "format": "iso", "facility": "local0", "length": 1024}]`,
		"log ring@stderr local0":                               `[{"address": "stderr", "facility": "local0", "length": 1024}]`,
		"log fd@3 local0":                                      `[{"address": "fd/3", "facility": "local0", "length": 1024}]`,
		"log ring@r len 4096 format rfc3164 local1": `[{"address": "tcp/192.0.2.9:601", "framing": "octet-count", "format": "raw", "facility": "local1", "length": 1201, "buffer": 102400},
			{"address": "unix//run/ring", "format": "raw", "facility": "local1", "length": 1201, "buffer": 102400}]`,
		"log ring@named local1": `[{"address": "tcp/logs.example.com:514", "format": "rfc5424", "hostname": "-", "facility": "local1", "length": 1024}]`,
		"log ring@buf0 local1":  `null`,
	} {
		var writers []any
		all := logs(t, frontend(line, "default_backend b")+servers)
		for _, name := range []string{"haproxy1", "haproxy2"} {
			if at(t, all, name) == nil {
				continue
			}
			writer := at(t, all, name, "writer").(map[string]any)
			if writer["output"] != "syslog" || writer["tag"] != "haproxy" {
				t.Errorf("%s: %v", line, writer)
			}
			delete(writer, "output")
			delete(writer, "tag")
			writers = append(writers, writer)
		}
		var list any = writers
		if writers == nil {
			list = nil
		}
		equal(t, line, list, want)
	}
}

// TestLoggersOfTargets has the loggers whose lines a target gets.
func TestLoggersOfTargets(t *testing.T) {
	const servers = "backend b\n\tbalance roundrobin\n\tserver s1 192.0.2.2:443\nbackend c\n\tbalance roundrobin\n\tno log\n\tserver s1 192.0.2.2:443\n"
	got := make(map[string][]string)
	for name, l := range logs(t, "global\n\tlog 192.0.2.9 local0\n\tlog-tag all\n\tlog-send-hostname edge\ndefaults\n\tlog global\n"+timeoutLines+
		"frontend f\n\tbind :1\n\tdefault_backend b\n"+
		"frontend f.x\n\tbind :2\n\tno log\n\tdefault_backend b\n"+
		"frontend g\n\tbind :3\n\tlog global\n\tlog 192.0.2.8 local0\n\tdefault_backend c\n"+
		"frontend tagged\n\tbind :4\n\tlog-tag own\n\tdefault_backend c\n"+
		"frontend off\n\tdisabled\n\tbind :5\n\tdefault_backend c\n"+
		"frontend web\n\tmode http\n\tbind :80\n\tredirect scheme https\n"+servers) {
		text := []string{name}
		if w := at(t, l, "writer"); w != nil {
			w := w.(map[string]any)
			text = append(text, w["address"].(string), w["tag"].(string), w["hostname"].(string), at(t, l, "encoder", "format").(string))
		}
		for _, list := range []string{"include", "exclude"} {
			text = append(text, list)
			if at(t, l, list) == nil {
				continue
			}
			for _, logger := range at(t, l, list).([]any) {
				text = append(text, logger.(string))
			}
		}
		got[name] = text[1:]
	}
	if diff := cmp.Diff(map[string][]string{
		"default":           strings.Fields("include exclude passthrough.frontend.f passthrough.frontend.f.x passthrough.frontend.g passthrough.frontend.tagged http.log.access.web"),
		"haproxy1":          strings.Fields("udp/192.0.2.9:514 all edge tcplog include passthrough.frontend.f passthrough.frontend.g passthrough.backend.b exclude passthrough.frontend.f.x"),
		"haproxy1_requests": strings.Fields("udp/192.0.2.9:514 all edge json include http.log.access.web exclude"),
		"haproxy2":          strings.Fields("udp/192.0.2.8:514 all edge tcplog include passthrough.frontend.g exclude"),
		"haproxy3":          strings.Fields("udp/192.0.2.9:514 own edge tcplog include passthrough.frontend.tagged exclude"),
	}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := logs(t, frontend("default_backend b")); got != nil {
		t.Errorf("without a log line: %v", got)
	}
	shared := logs(t, frontend("default_backend b", "log stdout local0", "log stdout local0")+"\tlog stdout local0\n")
	if include := at(t, shared, "haproxy1", "include"); len(shared) != 3 || cmp.Diff([]any{"passthrough.frontend.f", "passthrough.backend"}, include) != "" {
		t.Errorf("%v", shared)
	}
}

func TestLogMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"log stdout len 79 local0":             "E log : invalid log length '79', must be between 80 and 65535",
		"log stdout format fancy local0":       "E log : unknown log format 'fancy'",
		"log stdout sample 11:10 local0":       `E log : sample "11:10": range "11": expected numbers from 1 to 10, in ascending order`,
		"log stdout local9":                    "E log : unknown log facility 'local9'; did you mean 'local0' maybe ?",
		"log stdout local0 loud":               "E log : unknown optional log level 'loud'",
		"log stdout local0 info loud":          "E log : unknown optional minimum log level 'loud'",
		"log stdout local0 info err x":         "E log : cannot handle unexpected argument 'x'",
		"log local0 info":                      "E log : invalid address: 'local0': expected an address, the path of a socket, stdout, stderr or ring@NAME",
		"log 192.0.2.9:1-2 local0":             "E log : port range not permitted here in '192.0.2.9:1-2': expected one port",
		"log ring@q local0":                    "E log directive uses unknown ring named 'q'; did you mean 'r' maybe ?",
		"log backend@logs local0":              "differs from HAProxy: 'log backend@logs': there is no mode log: nothing is sent there",
		"log stdout profile p local0":          "differs from HAProxy: 'profile': lines have the frontend's format",
		"log-tag":                              "E 'log-tag' expects a tag for use in syslog, in frontend 'f'",
		"log stdout local0\n\tno log x":        "E 'no log' does not expect arguments, and has 'x'",
		"log stdout local0\n\toption tcplog":   "",
		"log stdout local0\n\tlog-tag a b":     "E 'log-tag' cannot handle unexpected argument 'b', in frontend 'f'",
		"log ring@r format rfc5424 len 80 lpr": "E log : unknown log facility 'len': expected len, format, sample and profile in this order",
	} {
		said := messages(t, frontend(line, "default_backend b")+"ring r\n\tserver a 192.0.2.9\n")
		if want == "" && len(said) > 0 || want != "" && !slices.Equal(said, []string{want}) {
			t.Errorf("%s: %q, want %q", line, said, want)
		}
	}
	for line, want := range map[string]string{
		"server a 192.0.2.9 ssl":              "differs from HAProxy: 'ssl': lines cannot be sent by TLS: nothing is sent there",
		"server a 192.0.2.9 log-proto octets": "E 'server a' : 'log-proto' expects 'legacy' or 'octet-count', not 'octets'",
		"server a":                            "E 'server' expects <name> and <addr>[:<port>] as arguments",
		"maxlen much":                         "E 'maxlen' expects a number, not 'much'",
		"sizes 1":                             "E unknown statement 'sizes' in 'ring' section; did you mean 'size' maybe ?",
		"size":                                "E 'size' expects an argument",
		"server a 192.0.2.9\n\ttimeout server 10s": "",
	} {
		said := messages(t, frontend("default_backend b")+"ring r\n\t"+line+"\n")
		if want == "" && len(said) > 0 || want != "" && !slices.Contains(said, want) {
			t.Errorf("%s: %q, want %q", line, said, want)
		}
	}
}

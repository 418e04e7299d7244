// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	const before = `{"admin": {"listen": ":1"}, "apps": {"http": {"a": 1}, "passthrough": {"grace_period": 10, "backends": {
		"web": {"origin": "old:1", "retries": 3, "servers": [{"name": "s1", "address": "10.0.0.1:443", "weight": 1}, {"name": "s2", "address": "10.0.0.2:443"}]},
		"old": {"servers": [{"name": "o1", "address": "10.0.1.1:443"}]}},
		"frontends": {"tls": {"bind": [{"address": ":443"}, {"address": ":8443", "name": "x"}], "rules": [{"backend": "a"}, {"backend": "b"}], "default_backend": "web"}}}}}`
	const after = `{"apps": {"http": {"a": 2}, "passthrough": {"grace_period": 10, "backends": {
		"web": {"origin": "new:1", "retries": 5, "servers": [{"name": "s1", "address": "10.0.0.1:443", "weight": 2, "origin": "new:2"}, {"name": "s3", "address": "10.0.0.3:443"}]},
		"new": {"servers": [{"name": "n1", "address": "10.0.2.1:443"}]}},
		"frontends": {"tls": {"bind": [{"address": ":443"}], "rules": [{"backend": "b"}, {"backend": "a"}, {"backend": "c"}], "default_backend": "new"}}}}}`
	changes, err := compare([]byte(before), []byte(after))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	want := []string{
		"+ backend new",
		"+ server new/n1: 10.0.2.1:443",
		"- backend old",
		"- server old/o1: 10.0.1.1:443",
		"~ server web/s1 weight: 1 -> 2",
		"- server web/s2: 10.0.0.2:443",
		"+ server web/s3: 10.0.0.3:443",
		"~ option backend web retries: 3 -> 5",
		`- listener tls: {"address":":8443","name":"x"}`,
		`+ rule tls rules: {"backend":"c"}`,
		"~ option frontend tls default_backend: web -> new",
		`~ option app http: {"a":1} -> {"a":2}`,
		`- option admin: {"listen":":1"}`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if changes, err := compare([]byte(before), []byte(before)); err != nil || len(changes) > 0 {
		t.Errorf("equal configurations: %v, %v", changes, err)
	}
	if changes, err := compare([]byte("null"), []byte(`{"apps": {"passthrough": {"backends": {"web": {}}}}}`)); err != nil || len(changes) != 1 {
		t.Errorf("without a configuration: %v, %v", changes, err)
	}
	if _, err := compare([]byte("{"), []byte("{}")); err == nil || !strings.Contains(err.Error(), "decoding") {
		t.Errorf("of a wrong one: %v", err)
	}
}

func TestCompareLayer4(t *testing.T) {
	const before = `{"apps": {"layer4": {"servers": {"a": {"listen": [":1"], "routes": [{"x": 1}]}, "b": {}}}}}`
	const after = `{"apps": {"layer4": {"servers": {"a": {"listen": [":1", ":2"], "routes": [{"x": 2}]}, "c": {"listen": [":3"]}}}}}`
	changes, err := compare([]byte(before), []byte(after))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	want := []string{"+ listener layer4 a: :2", `- route layer4 a: {"x":1}`, `+ route layer4 a: {"x":2}`, "- frontend layer4 b", "+ frontend layer4 c", "+ listener layer4 c: :3"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A changed order of rules is a change.
func TestCompareOrder(t *testing.T) {
	const form = `{"apps": {"passthrough": {"frontends": {"tls": {"rules": [%s]}}}}}`
	a, b := strings.ReplaceAll(form, "%s", `{"backend": "a"}, {"backend": "b"}`), strings.ReplaceAll(form, "%s", `{"backend": "b"}, {"backend": "a"}`)
	changes, err := compare([]byte(a), []byte(b))
	if err != nil || len(changes) != 1 || changes[0].String() != "~ rule tls rules order" {
		t.Errorf("%v, %v", changes, err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Caddy's log filters get the fields of the line one by one, by name.
func TestFiltersSeeTheFields(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	var filter logging.FilterEncoder
	if err := json.Unmarshal([]byte(`{"wrap": {"format": "json"}, "fields": {
		"sni": {"filter": "delete"}, "error": {"filter": "rename", "name": "reason"},
		"client": {"filter": "ip_mask", "ipv4_cidr": 16}, "bytes_in": {"filter": "replace", "value": "some"}}}`), &filter); err != nil {
		t.Fatal(err)
	}
	if err := filter.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	var line bytes.Buffer
	logger := zap.New(zapcore.NewCore(&filter, zapcore.AddSync(&line), zapcore.InfoLevel))
	for range 2 {
		line.Reset()
		r := New("tls", client, local)
		r.ServerName, r.Error, r.In = "www.example.test", "because", 12
		writeTo(logger, &r)
		var fields map[string]any
		if err := json.Unmarshal(line.Bytes(), &fields); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{
			"sni": nil, "error": nil, "reason": "because", "client": "192.0.0.0:50123", "bytes_in": "some", "frontend": "tls",
		} {
			if fields[name] != want {
				t.Errorf("%s is %v, want %v, in %s", name, fields[name], want, &line)
			}
		}
	}
}

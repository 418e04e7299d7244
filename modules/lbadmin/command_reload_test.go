// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestPrintMistake(t *testing.T) {
	for text, want := range map[string]string{
		`sending configuration to instance: caddy responded with error: HTTP 400: {"error":"loading config: loading new config: loading layer4 app module: provision layer4: server 'srv1': route 0: position 0: loading module 'passthrough': provision layer4.handlers.passthrough: Caddyfile:21: frontend \"tls\": backend \"wbe\" is not defined"}` + "\n": "Caddyfile:21: frontend \"tls\": backend \"wbe\" is not defined\n",
		`sending configuration to instance: caddy responded with error: HTTP 400: {"error":"loading config: loading new config: loading passthrough app module: provision passthrough: apps.passthrough.frontends.tls: provision passthrough.frontend: Caddyfile:4: frontend \"tls\": bind 1: address \"x\": expected HOST:PORT"}` + "\n":                      "Caddyfile:4: frontend \"tls\": bind 1: address \"x\": expected HOST:PORT\n",
		`loading passthrough app module: provision passthrough: /etc/caddy/Caddyfile:3: backend "web": it has no servers`: "/etc/caddy/Caddyfile:3: backend \"web\": it has no servers\n",
		`loading passthrough app module: provision passthrough: backend "web": it has no servers`:                         "backend \"web\": it has no servers\n",
		`{"error": {"an": "object"}} of backend "web": odd`:                                                               "backend \"web\": odd\n",
		`dial tcp 127.0.0.1:2019: connect: connection refused`:                                                            "",
		`loading http app module: provision http: listen :80: busy`:                                                       "",
	} {
		var printed strings.Builder
		if printConfigError(&printed, text); printed.String() != want {
			t.Errorf("of %q is printed %q, want %q", text, printed.String(), want)
		}
	}
}

// The changed command runs below a root command, as in Caddy.
func TestReloadReportsFileAndLine(t *testing.T) {
	failure := errors.New(`provision: Caddyfile:3: backend "web": it has no servers`)
	root := &cobra.Command{Use: "caddy", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(&cobra.Command{Use: "reload", RunE: func(*cobra.Command, []string) error { return failure }})
	reportConfigErrors(root)
	root.SetArgs([]string{"reload"})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stderr := os.Stderr
	os.Stderr = w
	got := root.Execute()
	os.Stderr = stderr
	w.Close()
	printed := make([]byte, 100)
	n, _ := r.Read(printed)
	if !errors.Is(got, failure) || string(printed[:n]) != "Caddyfile:3: backend \"web\": it has no servers\n" {
		t.Errorf("it returns %v and prints %q", got, printed[:n])
	}
	reportConfigErrors(&cobra.Command{Use: "other"}) // a program without the command
}

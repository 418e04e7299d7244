// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"crypto/tls"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the scripts of testdata against a program each. Their own words are:
//
//	caddy CODE ARG...         runs caddy passthrough, which must end with an exit code
//	schema METHOD PATH        compares its output with a schema of docs/openapi.yaml
//	hold NAME                 opens a connection for a server name, and keeps it
//	release                   closes the connections that hold has opened
//	server stop|start NAME    stops or starts one of the servers s1, s2 and s3
//	follow FILE ARG...        runs caddy passthrough in the background, with its output in a file
//	await FILE TEXT           waits until a file has a text
//	edit OLD NEW              replaces a text in the configuration's file, $CONFIG
func TestScripts(t *testing.T) {
	t.Parallel()
	d := loadDocument(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			b, ok := env.T().(testing.TB)
			if !ok {
				return errors.New("not a test")
			}
			r := newRig(b)
			r.run(b, r.caddyfile(""))
			env.Values["rig"], env.Values["held"] = r, new([]*tls.Conn)
			env.Setenv("ADMIN", r.admin)
			env.Setenv("CONFIG", filepath.Join(r.dir, "Caddyfile"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"caddy": func(ts *testscript.TestScript, _ bool, args []string) { caddy(ts, program.Path(t), args) },
			"schema": func(ts *testscript.TestScript, _ bool, args []string) {
				validate(t, d, args[0], args[1], []byte(ts.ReadFile("stdout")))
			},
			"hold":    hold,
			"release": release,
			"server":  serverCommand,
			"edit":    edit,
			"follow":  func(ts *testscript.TestScript, _ bool, args []string) { follow(ts, program.Path(t), args) },
			"await": func(ts *testscript.TestScript, _ bool, args []string) {
				until(t, args[1]+" in "+args[0], func() bool { return strings.Contains(ts.ReadFile(args[0]), args[1]) })
			},
		},
	})
}

func caddy(ts *testscript.TestScript, program string, args []string) {
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(program, append([]string{"passthrough", "--address", ts.Getenv("ADMIN")}, args[1:]...)...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != code {
		ts.Fatalf("exit code %d, want %d", got, code)
	}
}

func hold(ts *testscript.TestScript, _ bool, args []string) {
	c, err := tls.Dial("tcp", ts.Value("rig").(*rig).front, &tls.Config{InsecureSkipVerify: true, ServerName: args[0]})
	ts.Check(err)
	held := ts.Value("held").(*[]*tls.Conn)
	*held = append(*held, c)
	ts.Defer(func() { _ = c.Close() })
}

func release(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range *ts.Value("held").(*[]*tls.Conn) {
		_ = c.Close()
	}
}

func serverCommand(ts *testscript.TestScript, _ bool, args []string) {
	for _, s := range ts.Value("rig").(*rig).servers {
		if s.name == args[1] {
			if args[0] == "stop" {
				s.stop()
				return
			}
			ts.Check(s.start())
		}
	}
}

// edit replaces text in the configuration's file.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.Getenv("CONFIG")
	text, err := os.ReadFile(file)
	ts.Check(err)
	ts.Check(os.WriteFile(file, []byte(strings.Replace(string(text), args[0], args[1], 1)), 0o600))
}

func follow(ts *testscript.TestScript, program string, args []string) {
	out, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	cmd := exec.Command(program, append([]string{"passthrough", "--address", ts.Getenv("ADMIN")}, args[1:]...)...)
	cmd.Stdout = out
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = out.Close()
	})
}

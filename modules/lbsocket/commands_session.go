// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// sessionCommands show and end connections.
var sessionCommands = []command{
	{words: "show sess", args: "[all|<id>] [frontend <f>] [backend <b>] [server <b>/<s>] [older <age>]", help: "report the list of current sessions or dump this exact session", level: Operator, run: showSessions},
	{words: "shutdown session", args: "[id]", help: "kill a specific session", level: Admin, run: shutdownSession},
	{words: "shutdown sessions server", args: "<bk>/<srv>", help: "kill sessions on a server", level: Admin, run: shutdownSessions},
}

// showSessions lists connections, each on a line, or in detail with an ID or all.
func showSessions(r *request) error {
	args, show := r.args, printSession
	switch word := r.arg(0); {
	case word == "help":
		r.print(sessionsUsage)
		return nil
	case word == "all":
		args, show = args[1:], printSessionDetails
	case word != "" && word[0] >= '0' && word[0] <= '9':
		return showSession(r, word)
	}
	f, err := sessionFilter(args)
	if err != nil {
		return err
	}
	list, _ := control.Sessions(f, 0)
	now := time.Now()
	for i := range list {
		show(r, &list[i], now)
	}
	return nil
}

func showSession(r *request, word string) error {
	id, err := strconv.ParseUint(word, 0, 64)
	if err != nil {
		return errNotFound
	}
	s, err := control.SessionOf(id)
	if err != nil {
		return errNotFound
	}
	printSessionDetails(r, &s, time.Now())
	return nil
}

// Errors in HAProxy's words.
var (
	errNotFound    = message("Session not found.")
	errNoSession   = message("No such session (use 'show sess').")
	errNeedsID     = message("Session pointer expected (use 'show sess').")
	errNoBackend   = message("No such backend.")
	errNoServer    = message("No such server.")
	errNeedsNames  = message("Require 'backend/server'.")
	errNeedsServer = message("Missing server name (<backend>/<server>).")
	errNoProxy     = message("No such proxy.")
	errNoResolver  = message("Can't find that resolvers section")
)

// sessionsUsage explains the words of show sess.
const sessionsUsage = "Usage: show sess [<id> | all | help] [<options>*]\n" +
	"   <id>          one connection, in detail\n" +
	"   all           each connection, in detail\n" +
	"   help          this message\n" +
	"   older <age>, frontend <fe>, backend <be>, server <be/srv>: only such connections\n"

// sessionFilter returns the filter that words of HAProxy 3 describe.
func sessionFilter(args []string) (f control.SessionFilter, err error) {
	for ; len(args) > 0; args = args[2:] {
		if len(args) == 1 {
			args = append(args, "")
		}
		switch word, value := args[0], args[1]; word {
		case "frontend":
			f.Frontend, err = value, exists(control.FrontendOf, value, "Missing frontend name.", "No such frontend.")
		case "backend":
			f.Backend, err = value, exists(control.BackendOf, value, "Missing backend name.", "No such backend.")
		case "server":
			f.Backend, f.Server, _ = strings.Cut(value, "/")
			err = validateServer(value)
		case "older":
			f.OlderThan, err = minimumAge(value)
		default:
			err = message(fmt.Sprintf("Unsupported option '%s', try 'help' for more info.", word))
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// exists returns an error if a name is missing, or nothing has it.
func exists[T any](find func(string) (T, error), name, missing, unknown string) error {
	if name == "" {
		return message(missing)
	}
	if _, err := find(name); err != nil {
		return message(unknown)
	}
	return nil
}

// validateServer returns an error unless a name is that of a server.
func validateServer(name string) error {
	if name == "" {
		return errNeedsServer
	}
	_, err := findServer(name)
	return err
}

func minimumAge(value string) (time.Duration, error) {
	if value == "" {
		return 0, message("Expects a minimum age (in seconds by default).")
	}
	age, err := haproxyfile.ParseTime(value, time.Second)
	if err != nil {
		return 0, message("Invalid age.")
	}
	return age, nil
}

// printSession writes a connection in a line that begins with the fields of HAProxy that have a
// meaning here.
func printSession(r *request, s *control.Session, now time.Time) {
	r.printf("%#x: proto=%s src=%s fe=%s be=%s srv=%s age=%s stage=%s in=%d out=%d idle=%s name=%s\n",
		s.ID, protocol(s), s.Client, s.Frontend, cmp.Or(s.Backend, "<NONE>"), cmp.Or(s.Server, "<none>"), age(now.Sub(s.Started)), s.Stage, s.In, s.Out, age(s.Idle), cmp.Or(s.Name, "<none>"))
}

// printSessionDetails writes a connection in several lines, as HAProxy does.
func printSessionDetails(r *request, s *control.Session, now time.Time) {
	r.printf("%#x: [%s] id=%d proto=%s source=%s\n", s.ID, s.Started.Format(dateFormat), s.ID, protocol(s), s.Client)
	r.printf("  frontend=%s (mode=tcp), listener=%s addr=%s\n", s.Frontend, cmp.Or(s.Listener, "?"), s.Local)
	r.printf("  backend=%s (mode=%s)\n", cmp.Or(s.Backend, "<NONE>"), modeOf(s))
	r.printf("  server=%s addr=%s\n", cmp.Or(s.Server, "<none>"), s.Address)
	r.printf("  stage=%s age=%s idle=%s name=%s\n", s.Stage, age(now.Sub(s.Started)), age(s.Idle), cmp.Or(s.Name, "<none>"))
	r.printf("  req=(total=%d) res=(total=%d)\n", s.In, s.Out)
}

// dateFormat is that of HAProxy's answers.
const dateFormat = "02/Jan/2006:15:04:05.000000"

func modeOf(s *control.Session) string {
	if s.Backend == "" {
		return "-"
	}
	return "tcp"
}

// protocol returns HAProxy's name of the client's protocol.
func protocol(s *control.Session) string {
	switch ip := s.Client.IP(); {
	case ip.Is4():
		return "tcpv4"
	case ip.Is6():
		return "tcpv6"
	default:
		return "unix_stream"
	}
}

// age returns a duration as HAProxy shows it: by its largest two units.
func age(d time.Duration) string {
	s := int64(max(0, d) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
	}
}

func shutdownSession(r *request) error {
	id, err := strconv.ParseUint(r.arg(0), 0, 64)
	if err != nil || id == 0 {
		return errNeedsID
	}
	if control.EndSession(control.BySocket, id) != nil {
		return errNoSession
	}
	return nil
}

func shutdownSessions(r *request) error {
	backend, server, ok := strings.Cut(r.arg(0), "/")
	if !ok || server == "" {
		return errNeedsNames
	}
	if _, err := control.BackendOf(backend); err != nil {
		return errNoBackend
	}
	if _, err := control.EndSessions(control.BySocket, control.SessionFilter{Backend: backend, Server: server}); err != nil {
		return errNoServer
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The severities of HAProxy's lines about servers.
const (
	emergency = 0
	alert     = 1
	notice    = 5
)

// stateLine is an event as HAProxy words it.
type stateLine struct {
	pool.Event
	logsChecks bool // each change of a check has a line of its own
	stopping   bool // the server was in drain mode before
}

// haproxyReasons are HAProxy's descriptions of codes.
var haproxyReasons = map[pool.Code]string{
	pool.Layer4OK:         "Layer4 check passed",
	pool.Layer4Timeout:    "Layer4 timeout",
	pool.Layer4Connection: "Layer4 connection problem",
	pool.Layer6OK:         "Layer6 check passed",
	pool.Layer6Timeout:    "Layer6 timeout",
	pool.Layer6Response:   "Layer6 invalid response",
	pool.Layer7OK:         "Layer7 check passed",
	pool.Layer7Stopping:   "Layer7 check conditionally passed",
	pool.Layer7Timeout:    "Layer7 timeout",
	pool.Layer7Response:   "Layer7 invalid response",
	pool.Layer7Status:     "Layer7 wrong status",
	pool.ProcessOK:        "External check passed",
	pool.ProcessTimeout:   "External check timeout",
	pool.ProcessError:     "External check error",
	pool.SocketError:      "Socket error",
	pool.DNSError:         "Name resolution failed",
	pool.CodeObserved:     "Health analyze",
	pool.CodeEjected:      "Failed client connects",
}

// HAProxyLine returns HAProxy's line and its severity.
func (s *stateLine) HAProxyLine() (severity byte, text string) {
	up := "UP"
	if s.Down {
		up = "DOWN"
	}
	switch s.Kind {
	case pool.ServerDown:
		return s.unlessStopping(), s.server("is DOWN") + s.cause() + s.left()
	case pool.ServerUp:
		return notice, s.server("is UP") + s.cause() + s.online()
	case pool.MaintStarted:
		if s.Down {
			return notice, s.server("was DOWN and now enters maintenance") + s.via() + s.unresolved() + "."
		}
		return s.unlessStopping(), s.server("is going DOWN for maintenance") + s.via() + s.unresolved() + s.left()
	case pool.MaintEnded:
		if s.Result.Code == pool.CodeResolved {
			return notice, s.server("is " + up + "/" + s.mode() + " (resolves again).")
		}
		return notice, s.server("is "+up+"/"+s.mode()+" (leaving "+s.forced()+"maintenance)") + "."
	case pool.DrainStarted:
		return notice, s.server("enters drain state") + s.via() + s.online()
	case pool.DrainEnded:
		return notice, s.server("is "+up+" (leaving "+s.forced()+"drain)") + s.via() + "."
	case pool.NoUsableServer:
		return emergency, "backend " + s.Backend + " has no server available!"
	case pool.CheckChanged:
		return notice, s.check("Health", up)
	case pool.AgentChanged:
		return notice, s.check("Agent", up)
	case pool.AddressChanged:
		return notice, fmt.Sprintf("%s/%s changed its IP from %s to %s by %s.", s.Backend, s.Server, s.From, s.To, s.Result.Info)
	case pool.UsableServerAgain:
	}
	return notice, ""
}

// unresolved returns why a server has no address, in parentheses.
func (s *stateLine) unresolved() string {
	if !s.Unresolved || s.Result.Code != pool.CodeResolved {
		return ""
	}
	return " (" + s.Result.Info + ")"
}

// unlessStopping returns the severity of a server that stops: alert, unless it got no new
// connections before.
func (s *stateLine) unlessStopping() byte {
	if s.stopping {
		return notice
	}
	return alert
}

func (s *stateLine) server(does string) string {
	kind := "Server "
	if s.Backup {
		kind = "Backup Server "
	}
	return kind + s.Backend + "/" + s.Server + " " + does
}

// mode returns what a server is after maintenance.
func (s *stateLine) mode() string {
	if s.Admin == pool.Drain {
		return "DRAIN"
	}
	return "READY"
}

// forced returns "forced " for a state that was set on the server itself.
func (s *stateLine) forced() string {
	if s.Via != (pool.Ref{}) {
		return ""
	}
	return "forced "
}

func (s *stateLine) via() string {
	if s.Via == (pool.Ref{}) {
		return ""
	}
	return " via " + s.Via.String()
}

// cause returns why the health changed. If checks have lines of their own, those have the reason.
func (s *stateLine) cause() string {
	switch {
	case s.Via != (pool.Ref{}):
		return s.via()
	case s.Result.Code == pool.CodeManual:
		return ", changed from CLI"
	case s.logsChecks:
		return ""
	default:
		return s.reason()
	}
}

// reason returns the result of a check.
func (s *stateLine) reason() string {
	description, code, info := CheckWords(s.Result)
	text := ", reason: " + description
	if code != "" {
		text += ", code: " + code
	}
	if info != "" {
		text += `, info: "` + info + `"`
	}
	return text + fmt.Sprintf(", check duration: %dms", s.Took.Milliseconds())
}

// CheckWords returns HAProxy's description of the result of a check, the status in the answer and
// the rest of the answer. The latter two may be empty.
func CheckWords(r pool.Result) (description, code, info string) {
	code, info = statusOf(r)
	if info != "" {
		first, size := utf8.DecodeRuneInString(info)
		info = string(unicode.ToUpper(first)) + info[size:]
	}
	return haproxyReasons[r.Code], code, info
}

// answerStatus matches the status in the info of a check: that of an answer of HTTP or SMTP.
var answerStatus = regexp.MustCompile(`(?:^|: )(\d{3})(?: (.*))?$`)

// statusOf splits off the status of an answer.
func statusOf(r pool.Result) (code, info string) {
	if r.Code != pool.Layer7OK && r.Code != pool.Layer7Stopping && r.Code != pool.Layer7Status {
		return "", r.Info
	}
	m := answerStatus.FindStringSubmatch(r.Info)
	switch {
	case m == nil:
		return "0", r.Info
	case r.Code == pool.Layer7OK:
		return m[1], ""
	default:
		return m[1], m[2]
	}
}

// left returns the servers that remain when one stops.
func (s *stateLine) left() string {
	return fmt.Sprintf(". %d active and %d backup servers left.%s %d sessions active, %d requeued, %d remaining in queue.",
		s.Active, s.Backups, s.onBackup(), s.Sessions, s.Requeued, s.Queued)
}

// online returns the servers that there are when one starts.
func (s *stateLine) online() string {
	return fmt.Sprintf(". %d active and %d backup servers online.%s %d sessions requeued, %d total in queue.",
		s.Active, s.Backups, s.onBackup(), s.Requeued, s.Queued)
}

func (s *stateLine) onBackup() string {
	if s.Active == 0 && s.Backups > 0 {
		return " Running on backup."
	}
	return ""
}

// check returns the line about a check.
func (s *stateLine) check(kind, state string) string {
	backup, passed := "", "failed"
	if s.Backup {
		backup = "backup "
	}
	switch {
	case s.Result.Code == pool.Layer7Stopping:
		passed = "conditionally succeeded"
	case s.Result.Code.OK():
		passed = "succeeded"
	}
	return fmt.Sprintf("%s check for %sserver %s/%s %s%s, status: %d/%d %s.", kind, backup, s.Backend, s.Server, passed, s.reason(), s.Counter, s.Of, state)
}

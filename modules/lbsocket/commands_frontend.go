// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// frontendCommands change frontends, and the limits of the process.
var frontendCommands = []command{
	{words: "enable frontend", args: "<frontend>", help: "re-enable specific frontend", level: Admin, run: withFrontend(enableFrontend(true))},
	{words: "disable frontend", args: "<frontend>", help: "temporarily disable specific frontend", level: Admin, run: withFrontend(enableFrontend(false))},
	{words: "shutdown frontend", args: "<frontend>", help: "stop a specific frontend", level: Admin, run: withFrontend(shutdownFrontend)},
	{words: "set maxconn frontend", args: "<frontend> <value>", help: "change a frontend's maxconn setting", level: Admin, run: withFrontend(setFrontendMaxConn)},
	{words: "set maxconn global", args: "<value>", help: "change the per-process maxconn setting", level: Admin, run: setProcessMaxConn},
	{words: "set rate-limit", args: "<setting> <value>", help: "change a rate limiting value", level: Admin, run: setRateLimit},
}

// withFrontend returns the function of a command whose first argument is a frontend.
func withFrontend(run func(*request, *control.Frontend) error) func(*request) error {
	return func(r *request) error {
		if r.arg(0) == "" {
			return message("A frontend name is expected.")
		}
		f, err := control.FrontendOf(r.arg(0))
		if err != nil || !f.Running {
			return message("No such frontend.")
		}
		return run(r, &f)
	}
}

func enableFrontend(on bool) func(*request, *control.Frontend) error {
	word := map[bool]string{true: "enable", false: "disable"}[on]
	return func(_ *request, f *control.Frontend) error {
		switch {
		case f.State == frontend.Stopped:
			return message("Frontend was previously shut down, cannot " + word + ".")
		case (f.State != frontend.Disabled) == on:
			return message("All sockets are already " + word + "d.")
		}
		_, err := control.ChangeFrontend(control.BySocket, f.Name, control.FrontendChange{Enabled: &on})
		return err
	}
}

func shutdownFrontend(_ *request, f *control.Frontend) error {
	if f.State == frontend.Stopped {
		return message("Frontend was already shut down.")
	}
	return control.ShutdownFrontend(control.BySocket, f.Name)
}

// wholeNumber returns a number as HAProxy reads it here: text that is no number counts as 0.
func wholeNumber(text string) (int, error) {
	if text == "" {
		return 0, message("Integer value expected.")
	}
	n, _ := strconv.Atoi(text)
	if n < 0 {
		return 0, message("Value out of range.")
	}
	return n, nil
}

func setFrontendMaxConn(r *request, f *control.Frontend) error {
	n, err := wholeNumber(r.arg(1))
	if err == nil {
		_, err = control.ChangeFrontend(control.BySocket, f.Name, control.FrontendChange{MaxConn: &n})
	}
	return err
}

func setProcessMaxConn(r *request) error {
	if r.arg(0) == "" {
		return message("Expects an integer value.")
	}
	n, err := wholeNumber(r.arg(0))
	if most := control.ProcessNow().Possible; err == nil && most > 0 && n > most {
		err = message("Value out of range.")
	}
	if err == nil {
		_, err = control.ChangeProcess(control.BySocket, control.ProcessChange{MaxConn: &n})
	}
	return err
}

// setRateLimit sets a limit of the process. TLS and compression have none here: their values are
// taken and have no effect, as in a HAProxy without TLS.
func setRateLimit(r *request) error {
	var n int
	c, ok := map[string]control.ProcessChange{
		"connections": {ConnRate: &n}, "sessions": {SessionRate: &n}, "ssl-sessions": {}, "http-compression": {},
	}[r.arg(0)]
	if !ok || r.arg(1) != "global" {
		return message(`'set rate-limit' only supports :
   - 'connections global' to set the per-process maximum connection rate
   - 'sessions global' to set the per-process maximum session rate
   - 'ssl-sessions global' to set the per-process maximum SSL session rate
   - 'http-compression global' to set the per-process maximum compression speed in kB/s`)
	}
	if r.arg(2) == "" {
		return message("Expects an integer value.")
	}
	var err error
	if n, err = wholeNumber(r.arg(2)); err == nil {
		_, err = control.ChangeProcess(control.BySocket, c)
	}
	return err
}

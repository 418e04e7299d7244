// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// reportText returns a report as one line of text.
func reportText(r pool.AgentReport) string {
	text := fmt.Sprintf("%s %q", string(r.Code), r.Info)
	if r.Admin != nil {
		text += " " + r.Admin.String()
	}
	if r.Weight != "" {
		text += " weight " + r.Weight
	}
	if r.MaxConn != nil {
		text += fmt.Sprint(" maxconn ", *r.MaxConn)
	}
	return text
}

func TestAgentLines(t *testing.T) {
	for line, want := range map[string]string{
		"":                       `INI ""`,
		" \t,, ":                 `INI ""`,
		"up":                     `L7OK "via agent: up"`,
		"UP":                     `L7OK "via agent: up"`,
		"down":                   `L7STS "via agent: down"`,
		"Stopped":                `L7STS "via agent: stopped"`,
		"fail":                   `L7STS "via agent: fail"`,
		"failed":                 `L7STS "via agent: failed"`,
		"up down":                `L7STS "via agent: down"`,
		"down,up":                `L7OK "via agent: up"`,
		"ready":                  `INI "" ready`,
		"drain":                  `INI "" drain`,
		"MAINT":                  `INI "" maint`,
		"maint ready":            `INI "" ready`,
		"ready\tdrain":           `INI "" drain`,
		"50%":                    `INI "" weight 50%`,
		"0%":                     `INI "" weight 0%`,
		"9%":                     `INI "" weight 9%`,
		"5x%":                    `INI "" weight 5x%`,
		"5%x":                    `INI "" weight 5%x`,
		"weight:50":              `INI "" weight 50`,
		"Weight:50%":             `INI "" weight 50%`,
		"weight:50 60%":          `INI "" weight 60%`,
		"60% weight:50":          `INI "" weight 50`,
		"weight:":                `INI "agent reports an error: weight:"`,
		"maxconn:5":              `INI "" maxconn 5`,
		"MAXCONN:0":              `INI "" maxconn 0`,
		"maxconn:5 maxconn:7":    `INI "" maxconn 7`,
		"maxconn:2147483647":     `INI "" maxconn 2147483647`,
		"maxconn:2147483648":     `INI "agent reports an error: maxconn:2147483648"`,
		"maxconn:-5":             `INI "agent reports an error: maxconn:-5"`,
		"maxconn:5x":             `INI "agent reports an error: maxconn:5x"`,
		"maxconn:":               `INI "agent reports an error: maxconn:"`,
		"maxconn:5 maxconn:x":    `INI "agent reports an error: maxconn:x" maxconn 5`,
		"50":                     `INI "agent reports an error: 50"`,
		"%":                      `INI "agent reports an error: %"`,
		"a5%":                    `INI "agent reports an error: a5%"`,
		"+50%":                   `INI "agent reports an error: +50%"`,
		"50 %":                   `INI "agent reports an error: 50"`,
		"foo bar":                `INI "agent reports an error: foo"`,
		"Foo\x1b":                `INI "agent reports an error: Foo?"`,
		"up foo":                 `L7OK "via agent: up (foo)"`,
		"foo up":                 `L7OK "via agent: up (foo)"`,
		"stopped foo bar":        `L7STS "via agent: stopped (foo)"`,
		"down # a, b 20% up":     `L7STS "via agent: down (a, b 20% up)"`,
		"down #":                 `L7STS "via agent: down"`,
		"down text # text2":      `L7STS "via agent: down (text2)"`,
		"down #a#b":              `L7STS "via agent: down (a#b)"`,
		"down#a":                 `INI "agent reports an error: down#a"`,
		"#hello up":              `INI "hello up"`,
		"foo # bar":              `INI "agent reports an error: foo"`,
		"ready,up 10% maxconn:5": `L7OK "via agent: up" ready weight 10% maxconn 5`,
		"up;down":                `INI "agent reports an error: up;down"`,
	} {
		if got := reportText(parseReport(line)); got != want {
			t.Errorf("%q: got %s, want %s", line, got, want)
		}
	}
}

func TestAgent(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, test := range map[string]struct {
		server func(*net.TCPConn)
		want   string
	}{
		"line":           {says("up\n"), `L7OK "via agent: up"`},
		"line of CR":     {says("up\r"), `L7OK "via agent: up"`},
		"CR LF":          {saysAndCloses("up 50%\r\ndown\r\n"), `L7OK "via agent: up" weight 50%`},
		"in pieces":      {says("u", "p 5", "0%", "\n"), `L7OK "via agent: up" weight 50%`},
		"empty line":     {says("\nup\n"), `INI ""`},
		"incomplete":     {saysAndCloses("up 50%"), `INI "ignoring an incomplete line"`},
		"reset midway":   {resetsMidLine(), `INI "ignoring an incomplete line"`},
		"no end in time": {says("up"), `L7TOUT ""`},
		"long":           {says(strings.Repeat(",", maxLine-2) + "up\n"), `L7OK "via agent: up"`},
		"longest":        {says(long + "\n"), `INI "agent reports an error: ` + long[:maxLogged] + `…"`},
		"too long":       {says(long + "x\n"), `INI "ignoring an incomplete line"`},
		"silent":         {silent, `L7TOUT ""`},
		"closes":         {closes, `L7RSP "closed by the server"`},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, test.server)
			retryWithLongerUnits(t, func(unit time.Duration) string {
				if !strings.HasPrefix(test.want, "L7TOUT") {
					unit = ample
				}
				if got := reportText(new(Agent).Ask(context.Background(), targetWithTimeout(unit, address))); got != test.want {
					return fmt.Sprintf("got %s, want %s", got, test.want)
				}
				return ""
			})
		})
	}
}

// resetsMidLine sends half a line, then resets after a pause. The pause grows with each connection,
// since on a busy machine the client may not have read the half line yet.
func resetsMidLine() func(c *net.TCPConn) {
	pause := soon
	return func(c *net.TCPConn) {
		io.WriteString(c, "50%")
		c.SetReadDeadline(time.Now().Add(pause))
		c.Read(make([]byte, 1))
		pause *= 3
		c.SetLinger(0)
	}
}

func TestAgentReceivesSend(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	mod, err := ctx.LoadModuleByID("passthrough.checks.agent", json.RawMessage(`{"send": "how is\\n web?\n"}`))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	address := serve(t, func(c *net.TCPConn) {
		got <- line(c)
		says("down # asked\n")(c)
	})
	if r := reportText(mod.(pool.Agent).Ask(context.Background(), to(address))); r != `L7STS "via agent: down (asked)"` {
		t.Errorf("got %s", r)
	}
	if g := <-got; g != "how is\\n web?\n" {
		t.Errorf("sent %q", g)
	}
	if _, ok := mod.(pool.Checker); ok {
		t.Error("the agent is offered as a checker")
	}
}

// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A server whose check asks for it goes into drain mode, if it is up. The next check that passes
// without asking ends that; failures alone do not.
func TestDrainByCheck(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		init   InitState
		told   string
		counts string
	}{
		"stops and returns":      {"+nn+", InitUp, "s drain 1+0, s drain over 2+0", "up3/3 up3/3 up3/3 up3/3"},        //nolint:dupword // it stays so
		"stops and fails":        {"+n---+", InitUp, "s drain 1+0, s down 1+0", "up3/3 up3/3 up2/3 up1/3 down0/2"},    //nolint:dupword // it stays so
		"fails in between":       {"+n-n+", InitUp, "s drain 1+0, s drain over 2+0", "up3/3 up3/3 up2/3 up3/3 up3/3"}, //nolint:dupword // it stays so
		"not while it is down":   {"-nn", InitUp, "s down 1+0", "down0/2 down0/2 down0/2"},                            //nolint:dupword // it stays so
		"it counts as passed":    {"n", InitUp, "s drain 1+0", "up3/3"},
		"the proxy's own fault":  {"+ns", InitUp, "s drain 1+0", "up3/3 up3/3 up3/3"}, //nolint:dupword // it stays so
		"down while it begins":   {"n", InitDown, "", "down0/2"},
		"returns from the state": {"+n---++", InitUp, "s drain 1+0, s down 1+0, s up 2+0", "up3/3 up3/3 up2/3 up1/3 down0/2 down1/2 up3/3"}, //nolint:dupword // it stays so
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reg Registry
				p, n := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(script(c.script)), Init: c.init}}, ServerConfig{Name: "other"})
				defer p.Close()
				if got := counters(&reg, "s", len(strings.Fields(c.counts))); got != c.counts {
					t.Errorf("counts: %s, want %s", got, c.counts)
				}
				time.Sleep(time.Millisecond)
				synctest.Wait()
				if got := n.since(); got != c.told {
					t.Errorf("told: %s, want %s", got, c.told)
				}
			})
		})
	}
}

// curious is a checker that takes a snapshot of the server.
type curious struct{ saw chan Snapshot }

func (c curious) Check(_ context.Context, t Target) Result {
	select {
	case c.saw <- t.Subject.Snapshot():
	default:
	}
	return Result{Code: Layer7OK}
}

func TestStandingOfTheSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg Registry
		c := curious{make(chan Snapshot, 1)}
		p, _ := serving(t, &reg, ServerConfig{Name: "s", HealthConfig: HealthConfig{Check: checked(c)}}, ServerConfig{Name: "other"})
		defer p.Close()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got, want := <-c.saw, (Snapshot{Counter: 1, Of: 3, Weight: 1, TotalWeight: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Stage is the degree of overload.
type Stage int32

// The stages. Each includes what the one before does.
const (
	Normal Stage = iota
	Tight        // inspect delays and idle timeouts are shorter
	Paused       // no connection is accepted
	stageCount
)

var stageNames = [stageCount]string{"normal", "tight", "paused"}

// String returns the stage's name at the admin endpoint and in the log.
func (s Stage) String() string { return stageNames[s] }

// The parts of a resource, in percent, at which stages begin, and below which they end.
const (
	tightFrom, tightUntil   = 85, 75
	pausedFrom, pausedUntil = 95, 90
	// stepEvery is the time between two looks at the resources.
	stepEvery = 250 * time.Millisecond
	// repeatEvery is the number of looks after which what began with the stage is repeated: sessions
	// may have begun since.
	repeatEvery = 8
)

// Resource is something that the process can run out of.
type Resource struct {
	Name string
	// Used returns how much of it is used, and how much there is; 0: no limit is known.
	Used func() (used, limit int64)
	// Paces says that accepting follows the resource by itself, so that all of it may be used.
	Paces bool
	// Sheds says that connections which would use too much of it are refused, so that the stage is
	// Tight at most.
	Sheds bool
	// Reclaim gives back unused parts, if that may take long by itself. It is called from time to time
	// while accepting pauses because of the resource. nil: there is nothing to do.
	Reclaim func()
}

// Usage is the use of a resource.
type Usage struct {
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"` // 0: none is known
}

// Change is a change of the stage, because of the resource that is used most.
type Change struct {
	From, To Stage
	Resource string
	Usage
}

// Overload is the overload of the process.
var Overload OverloadState

// OverloadState watches the resources of the process. It is safe for concurrent use.
type OverloadState struct {
	stage  atomic.Int32
	closed atomic.Bool // of stage Paused, unless accepting paces itself
	off    atomic.Bool // SetOff

	mu        sync.Mutex
	resources []watched
	reactions []func(Stage)
	entered   [stageCount]int64
	looks     int
}

// watched is a resource and the stage that it alone would have.
type watched struct {
	Resource
	stage Stage
}

// Watch adds a resource. Only init functions may call it.
func (o *OverloadState) Watch(r Resource) { o.resources = append(o.resources, watched{Resource: r}) }

// React adds a function that is called when the stage has changed, and from time to time while it
// is not Normal. Only init functions may call it.
func (o *OverloadState) React(f func(Stage)) { o.reactions = append(o.reactions, f) }

// Stage returns the stage.
func (o *OverloadState) Stage() Stage { return Stage(o.stage.Load()) }

// Off reports whether the stage is always Normal.
func (o *OverloadState) Off() bool { return o.off.Load() }

// Closed reports whether no connection is to be accepted.
func (o *OverloadState) Closed() bool { return o.closed.Load() }

// Shortened returns a timeout as the stage shortens it: a quarter of it, and no less than atLeast
// unless it is that short itself. A timeout of 0 or less stays.
func (o *OverloadState) Shortened(timeout, atLeast time.Duration) time.Duration {
	if o.stage.Load() == int32(Normal) || timeout <= atLeast {
		return timeout
	}
	return max(timeout/4, atLeast)
}

// SetOff makes the stage Normal for as long as it is off, and reports if it changes.
func (o *OverloadState) SetOff(off bool, report func(Change)) {
	o.off.Store(off)
	o.look(report)
}

// Run looks at the resources until ctx ends, and reports changes.
func (o *OverloadState) Run(ctx context.Context, report func(Change)) {
	tick := time.NewTicker(stepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			o.look(report)
		case <-ctx.Done():
			return
		}
	}
}

// look sets the stage by the use of the resources, and does what follows from it.
func (o *OverloadState) look(report func(Change)) {
	o.mu.Lock()
	c, closed, reclaim := o.assess()
	o.stage.Store(int32(c.To))
	o.closed.Store(closed)
	for s := c.From + 1; s <= c.To; s++ {
		o.entered[s]++
	}
	o.looks++
	repeats := o.looks%repeatEvery == 0
	o.mu.Unlock()
	if c.To != c.From {
		report(c)
	}
	if c.To != c.From || c.To != Normal && repeats {
		for _, f := range o.reactions {
			f(c.To)
		}
	}
	if repeats && reclaim != nil {
		reclaim()
	}
}

// assess looks at each resource, and returns the change of the stage, whether accepting is to stop,
// and what may help against that. The caller holds mu.
func (o *OverloadState) assess() (c Change, closed bool, reclaim func()) {
	c.From = o.Stage()
	for i := range o.resources {
		r := &o.resources[i]
		used, limit := r.Used()
		if limit <= 0 || o.off.Load() {
			r.stage = Normal
			continue
		}
		if r.stage = stageOf(used*100/limit, r.stage, r.Paces); r.Sheds {
			r.stage = min(r.stage, Tight)
		}
		if r.stage == Paused && !r.Paces {
			closed, reclaim = true, r.Reclaim
		}
		if c.Resource == "" || r.stage > c.To || r.stage == c.To && used*c.Limit > c.Used*limit {
			c.To, c.Resource, c.Usage = r.stage, r.Name, Usage{used, limit}
		}
	}
	return c, closed, reclaim
}

// stageOf returns the stage for a resource by the percentage that is used, and its stage before.
// paces is that of the resource.
func stageOf(percent int64, before Stage, paces bool) Stage {
	from, until := int64(pausedFrom), int64(pausedUntil)
	if paces {
		from, until = 100, pausedFrom
	}
	switch {
	case percent >= from || before == Paused && percent >= until:
		return Paused
	case percent >= tightFrom || before >= Tight && percent >= tightUntil:
		return Tight
	default:
		return Normal
	}
}

// Report is the overload as the admin endpoint shows it.
type Report struct {
	// Stage is normal, tight or paused.
	Stage string `json:"stage"`
	// Entered is the number of times that each stage has begun.
	Entered map[string]int64 `json:"entered"`
	// Resources are descriptors (in connections), memory and unfinished_hellos (in bytes).
	Resources map[string]Usage `json:"resources"`
}

// Report returns the current state.
func (o *OverloadState) Report() Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := Report{Stage: o.Stage().String(), Entered: make(map[string]int64), Resources: make(map[string]Usage)}
	for s := Tight; s < stageCount; s++ {
		r.Entered[s.String()] = o.entered[s]
	}
	for _, res := range o.resources {
		used, limit := res.Used()
		r.Resources[res.Name] = Usage{used, limit}
	}
	return r
}

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

const (
	old     = `"ready": true, "ready_changed_seconds_ago": 500, "started_seconds_ago": 600`
	atOnce  = `"scale_down_policy": {"stabilization_window_seconds": 0}`
	nothing = `"history": []`
)

// aPod has one container, main.
func aPod(name, status, requests string) string {
	return fmt.Sprintf(`{"name": %q, %s, "containers": [{"name": "main", "requests": {%s}}]}`, name, status, requests)
}

// aUsage is a reading of 30 s that is 10 s old.
func aUsage(pod, usage string) string {
	return fmt.Sprintf(`{"pod": %q, "age_seconds": 10, "window_seconds": 30, "containers": [{"name": "main", %s}]}`, pod, usage)
}

func pods(pods ...string) string    { return `"pods": [` + strings.Join(pods, ", ") + `]` }
func usages(usage ...string) string { return `"usage": [` + strings.Join(usage, ", ") + `]` }

// same is n pods that request and use the same, all old and ready.
func same(n int, requests, usage string) string {
	var p, u []string
	for i := range n {
		name := fmt.Sprintf("p%d", i)
		p, u = append(p, aPod(name, old, requests)), append(u, aUsage(name, usage))
	}
	return pods(p...) + ", " + usages(u...)
}

// cpu has a target of 50 %, and 1 to 100 replicas.
func cpu(current int, parts ...string) string {
	return document(current, `"target_cpu_percent": 50`, parts...)
}

func document(current int, spec string, parts ...string) string {
	return fmt.Sprintf(`{"spec": {"min_replicas": 1, "max_replicas": 100, %s}, %s}`,
		spec, strings.Join(append(parts, fmt.Sprintf(`"current_replicas": %d`, current)), ", "))
}

// rules is a document with a recommendation instead of metrics.
func rules(current, recommended int, spec string, parts ...string) string {
	return document(current, `"target_gpu_percent": 0, `+spec, append(parts, fmt.Sprintf(`"recommended_replicas": %d`, recommended))...)
}

// short writes a decision as "desired (recommended) metric utilization->proposed ...", with - for null.
func short(decision *hpaDecision, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	number := func(n *int32) string {
		if n == nil {
			return "-"
		}
		return fmt.Sprint(*n)
	}
	text := fmt.Sprintf("%d (%s)", decision.DesiredReplicas, number(decision.RecommendedReplicas))
	for _, metric := range decision.Metrics {
		text += fmt.Sprintf(" %s %s->%s", metric.Name, number(metric.UtilizationPercent), number(metric.ProposedReplicas))
	}
	return text
}

func TestHPADecides(t *testing.T) {
	steps := func(direction, policies string) string {
		return fmt.Sprintf(`"scale_%s_policy": {"stabilization_window_seconds": 0, %s}`, direction, policies)
	}
	windows := func(up, down int) string {
		return fmt.Sprintf(`"scale_up_policy": {"stabilization_window_seconds": %d}, "scale_down_policy": {"stabilization_window_seconds": %d}`, up, down)
	}
	for _, test := range []struct{ name, document, want string }{
		// The count comes first.
		{"no replicas", cpu(0, same(1, `"cpu": "1"`, `"cpu": "1"`)), "0 (-) cpu -->-"},
		{"too many", cpu(101), "100 (-) cpu -->-"},
		{"too few", rules(1, 50, `"min_replicas": 3`), "3 (-)"},

		// Ratio, tolerance, rounding.
		{"double", cpu(2, same(2, `"cpu": "1"`, `"cpu": "1"`)), "4 (4) cpu 100->4"},
		{"upper edge of the tolerance", cpu(2, same(2, `"cpu": "1"`, `"cpu": "550m"`)), "2 (2) cpu 55->2"},
		{"over the tolerance", cpu(2, same(2, `"cpu": "1"`, `"cpu": "560m"`)), "3 (3) cpu 56->3"},
		{"parts of a percent do not count", cpu(2, same(2, `"cpu": "1"`, `"cpu": "559m"`)), "2 (2) cpu 55->2"},
		{"lower edge of the tolerance", cpu(20, nothing, same(20, `"cpu": "1"`, `"cpu": "450m"`)), "20 (20) cpu 45->20"},
		{"under the tolerance", cpu(20, nothing, same(20, `"cpu": "1"`, `"cpu": "449m"`)), "18 (18) cpu 44->18"},
		{"a tolerance per direction", document(20, `"target_cpu_percent": 50, "scale_up_policy": {"tolerance_percent": 20}, "scale_down_policy": {"tolerance_percent": 0, "stabilization_window_seconds": 0}`,
			nothing, same(20, `"cpu": "1"`, `"cpu": "490m"`)), "20 (20) cpu 49->20"},
		{"no tolerance downwards", document(60, `"target_cpu_percent": 50, "scale_up_policy": {"tolerance_percent": 20}, "scale_down_policy": {"tolerance_percent": 0, "stabilization_window_seconds": 0}`,
			nothing, same(60, `"cpu": "1"`, `"cpu": "490m"`)), "59 (59) cpu 49->59"},
		{"a target over 100", document(2, `"target_cpu_percent": 150`, same(2, `"cpu": "1"`, `"cpu": "3"`)), "4 (4) cpu 300->4"},
		{"more pods than replicas", cpu(2, nothing, same(4, `"cpu": "1"`, `"cpu": "400m"`)), "4 (4) cpu 40->4"},
		{"fewer pods than replicas", cpu(4, nothing, same(1, `"cpu": "1"`, `"cpu": "600m"`)), "2 (2) cpu 60->2"},

		// Who is measured.
		{"pods that have failed or go do not count", cpu(2, pods(aPod("a", old, `"cpu": "1"`), aPod("b", `"phase": "Failed"`, `"cpu": "1"`),
			aPod("c", old+`, "terminating": true`, `"cpu": "1"`)), usages(aUsage("a", `"cpu": "1"`), aUsage("b", `"cpu": "0"`), aUsage("c", `"cpu": "0"`))), "2 (2) cpu 100->2"},
		{"pods that have succeeded are missing", cpu(2, pods(aPod("a", old, `"cpu": "1"`), aPod("b", `"phase": "Succeeded"`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "900m"`))), "2 (2) cpu 90->2"},
		{"pending pods are idle on the way up", cpu(2, pods(aPod("a", old, `"cpu": "1"`), aPod("b", `"phase": "Pending"`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "2"`))), "4 (4) cpu 200->4"},
		{"missing pods are busy on the way down", document(3, `"target_cpu_percent": 50, `+atOnce, nothing,
			pods(aPod("a", old, `"cpu": "1"`), aPod("b", old, `"cpu": "1"`), aPod("c", old, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "100m"`), aUsage("b", `"cpu": "100m"`))), "3 (3) cpu 10->3"},
		{"other phases are as good as Running", cpu(2, pods(aPod("a", old, `"cpu": "1"`), aPod("b", old+`, "phase": "Unknown"`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "1"`), aUsage("b", `"cpu": "1"`))), "4 (4) cpu 100->4"},
		{"usage without a pod only counts when missing pods are filled in: 2 of 1 requested, over 4", cpu(2,
			pods(aPod("a", old, `"cpu": "1"`), aPod("b", old, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "2"`), aUsage("x", `"cpu": "0"`), aUsage("y", `"cpu": "0"`))), "8 (8) cpu 200->8"},
		{"no condition is not ready", cpu(1, pods(aPod("a", `"started_seconds_ago": 600`, `"cpu": "1"`)), usages(aUsage("a", `"cpu": "1"`))), "1 (-) cpu -->-"},
		{"memory does not care", document(1, `"target_memory_percent": 50`, pods(aPod("a", `"started_seconds_ago": 600`, `"memory": "1Gi"`)),
			usages(aUsage("a", `"memory": "1Gi"`))), "2 (2) memory 100->2"},
		{"the first 300 s end at 300 s", cpu(1, pods(aPod("a", `"ready": false, "ready_changed_seconds_ago": 200, "started_seconds_ago": 300`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "1"`))), "2 (2) cpu 100->2"},
		{"and not before", cpu(1, pods(aPod("a", `"ready": false, "ready_changed_seconds_ago": 200, "started_seconds_ago": 299`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "1"`))), "1 (-) cpu -->-"},
		{"a whole window since it is ready", cpu(1, pods(aPod("a", `"ready": true, "ready_changed_seconds_ago": 40, "started_seconds_ago": 60`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "1"`))), "2 (2) cpu 100->2"},
		{"not quite a window since it is ready", cpu(1, pods(aPod("a", `"ready": true, "ready_changed_seconds_ago": 39.5, "started_seconds_ago": 60`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "1"`))), "1 (-) cpu -->-"},
		{"never ready in its first 30 s", cpu(1, pods(aPod("a", `"ready": false, "ready_changed_seconds_ago": 570.5, "started_seconds_ago": 600`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "1"`))), "1 (-) cpu -->-"},
		{"unready after its first 30 s", cpu(1, pods(aPod("a", `"ready": false, "ready_changed_seconds_ago": 570, "started_seconds_ago": 600`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "1"`))), "2 (2) cpu 100->2"},

		// Requests.
		{"requests of nothing", cpu(1, same(1, `"cpu": "0"`, `"cpu": "1"`)), "1 (-) cpu -->-"},
		{"a pod that goes needs requests, too", cpu(1, pods(aPod("a", old, `"cpu": "1"`), aPod("b", old+`, "terminating": true`, ``)),
			usages(aUsage("a", `"cpu": "1"`))), "1 (-) cpu -->-"},
		{"requests of a pod hide those of its containers", cpu(1, pods(aPod("a", old+`, "requests": {"cpu": "2"}`, `"cpu": "1"`)),
			usages(aUsage("a", `"cpu": "2"`))), "2 (2) cpu 100->2"},
		{"and containers' that the pod has none of count", document(1, `"target_memory_percent": 50`,
			pods(aPod("a", old+`, "requests": {"cpu": "2"}`, `"memory": "1Gi"`)), usages(aUsage("a", `"memory": "1Gi"`))), "2 (2) memory 100->2"},
		{"sidecars count", cpu(1, pods(`{"name": "a", `+old+`, "containers": [{"name": "main", "requests": {"cpu": "1"}}, {"name": "proxy", "sidecar": true, "requests": {"cpu": "1"}}]}`),
			usages(aUsage("a", `"cpu": "2"`))), "2 (2) cpu 100->2"},
		{"a container of its own, in an init container", document(1, `"target_cpu_percent": 50, "container_name": "proxy"`,
			pods(`{"name": "a", `+old+`, "requests": {"cpu": "9"}, "containers": [{"name": "main"}, {"name": "proxy", "sidecar": true, "requests": {"cpu": "1"}}]}`),
			usages(`{"pod": "a", "containers": [{"name": "main"}, {"name": "proxy", "cpu": "1"}]}`)), "2 (2) cpu 100->2"},
		{"a container that one pod has not", document(1, `"target_cpu_percent": 50, "container_name": "main"`,
			pods(aPod("a", old, `"cpu": "1"`), `{"name": "b", `+old+`, "containers": []}`), usages(aUsage("a", `"cpu": "1"`))), "1 (-) cpu -->-"},

		// Several metrics.
		{"the greatest", document(2, `"target_cpu_percent": 50, "target_memory_percent": 50`, same(2, `"cpu": "1", "memory": "1"`, `"cpu": "1", "memory": "2"`)),
			"8 (8) cpu 100->4 memory 200->8"},
		{"one unknown, up", document(2, `"target_cpu_percent": 50, "target_memory_percent": 50`, same(2, `"cpu": "1"`, `"cpu": "1"`)), "4 (4) cpu 100->4 memory -->-"},
		{"one unknown, down", document(2, `"target_cpu_percent": 50, "target_memory_percent": 50, `+atOnce, nothing, same(2, `"cpu": "1"`, `"cpu": "0"`)),
			"2 (-) cpu 0->0 memory -->-"},
		{"no usage", cpu(2, pods(aPod("a", old, `"cpu": "1"`))), "2 (-) cpu -->-"},

		// Windows.
		{"its first look does not scale down", rules(5, 3, `"scale_down_policy": {}`), "5 (3)"},
		{"nor up with a window", rules(5, 7, windows(60, 0)), "5 (7)"},
		{"but it does with an empty memory", rules(5, 7, windows(60, 0), nothing), "7 (7)"},
		{"a window ends at its end", rules(5, 3, windows(0, 60), `"history": [{"seconds_ago": 60, "replicas": 9}]`), "3 (3)"},
		{"and not before", rules(5, 3, windows(0, 60), `"history": [{"seconds_ago": 59.5, "replicas": 9}]`), "5 (3)"},
		{"the greatest of the window down", rules(5, 3, windows(0, 60), `"history": [{"seconds_ago": 30, "replicas": 4}]`), "4 (3)"},
		{"the least of the window up", rules(5, 9, windows(60, 0), `"history": [{"seconds_ago": 30, "replicas": 7}]`), "7 (9)"},
		{"windows up and down", rules(5, 7, windows(60, 60), `"history": [{"seconds_ago": 50, "replicas": 3}, {"seconds_ago": 30, "replicas": 9}]`), "5 (7)"},

		// Limits.
		{"no limit", rules(1, 100, atOnce), "100 (100)"},
		{"no limit downwards", rules(100, 1, atOnce, nothing), "1 (1)"},
		{"no limit, whatever has happened", rules(1, 100, atOnce, `"scale_events": [{"seconds_ago": 0, "change": 2147483647}]`), "100 (100)"},
		{"none of the greatest counts", rules(2147483646, 2147483647, `"max_replicas": 2147483647`), "2147483647 (2147483647)"},
		{"disabled up", rules(5, 9, `"scale_up_policy": {"select_policy": "Disabled"}`), "5 (9)"},
		{"disabled down", rules(5, 2, steps("down", `"select_policy": "Disabled"`), nothing), "5 (2)"},
		{"pods up", rules(5, 20, steps("up", `"policies": [{"type": "Pods", "value": 4, "period_seconds": 60}]`)), "9 (20)"},
		{"an event of the period", rules(5, 20, steps("up", `"policies": [{"type": "Pods", "value": 4, "period_seconds": 60}]`),
			`"scale_events": [{"seconds_ago": 59.5, "change": 3}]`), "6 (20)"},
		{"an event of a period ago", rules(5, 20, steps("up", `"policies": [{"type": "Pods", "value": 4, "period_seconds": 60}]`),
			`"scale_events": [{"seconds_ago": 60, "change": 3}]`), "9 (20)"},
		{"the other direction's events raise the limit", rules(5, 20, steps("up", `"policies": [{"type": "Pods", "value": 4, "period_seconds": 60}]`),
			`"scale_events": [{"seconds_ago": 30, "change": -3}]`), "12 (20)"},
		{"the least", rules(5, 20, steps("up", `"select_policy": "Min", "policies": [{"type": "Pods", "value": 4, "period_seconds": 60}, {"type": "Percent", "value": 10, "period_seconds": 60}]`)), "6 (20)"},
		{"the most", rules(5, 20, steps("up", `"policies": [{"type": "Pods", "value": 4, "period_seconds": 60}, {"type": "Percent", "value": 10, "period_seconds": 60}]`)), "9 (20)"},
		{"100 x 1.1 is more than 110", rules(100, 1000, `"max_replicas": 1000, `+steps("up", `"policies": [{"type": "Percent", "value": 10, "period_seconds": 60}]`)), "111 (1000)"},
		{"percent down rounds down", rules(5, 1, steps("down", `"policies": [{"type": "Percent", "value": 10, "period_seconds": 60}]`), nothing), "4 (1)"},
		{"a sum that overflows does not scale up", rules(2147483640, 2147483647, `"max_replicas": 2147483647, `+steps("up", `"policies": [{"type": "Pods", "value": 10, "period_seconds": 60}]`)),
			"2147483640 (2147483647)"},
		{"nor does a product", rules(2000000000, 2147483647, `"max_replicas": 2147483647, `+steps("up", `"policies": [{"type": "Percent", "value": 100, "period_seconds": 60}]`)),
			"2000000000 (2147483647)"},

		// Numbers that do not fit, as amd64 has them: the utilisation's lower 32 bits, the lowest int32 for a count, and
		// none of what is too large for thousandths in an int64.
		{"2147483700 %", cpu(1, nothing, same(1, `"cpu": "1m"`, `"cpu": "21474837"`)), "100 (1040) cpu 52000->1040"},
		{"2147483600 %", cpu(1, nothing, same(1, `"cpu": "1m"`, `"cpu": "21474836"`)), "1 (0) cpu -48000->-960"},
		{"9E", cpu(2, nothing, same(1, `"cpu": "1m"`, `"cpu": "9E"`)), "1 (0) cpu 0->0"},
		{"a count of 214740000000", document(100, `"target_cpu_percent": 1`, nothing, same(100, `"cpu": "1m"`, `"cpu": "21474"`)), "1 (0) cpu 2147400000->-2147483648"},
		{"less than nothing", cpu(2, nothing, same(2, `"cpu": "1"`, `"cpu": "-100m"`)), "1 (0) cpu -10->0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := short(decideLine([]byte(test.document))); got != test.want {
				t.Errorf("got  %s\nwant %s\nof %s", got, test.want, test.document)
			}
		})
	}
}

func TestHPALines(t *testing.T) {
	good := cpu(2, same(1, `"cpu": "1"`, `"cpu": "2"`))
	answer := `"desired_replicas":4,"recommended_replicas":4,"metrics":[{"name":"cpu","utilization_percent":200,"proposed_replicas":4,"error":null}]}`
	var out strings.Builder
	if err := decideLines(strings.NewReader("{\n"+good+"\n\n"+good+" {}\n"+`{"speck": 1}`+"\n"+good), &out); err != nil {
		t.Fatal(err)
	}
	want := `{"line":1,"error":"unexpected EOF"}
{"line":2,` + answer + `
{"line":3,"error":"an empty line"}
{"line":4,"error":"more than one document in a line"}
{"line":5,"error":"json: unknown field \"speck\""}
{"line":6,` + answer + "\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	for want, document := range map[string]string{
		"spec and current_replicas are needed":       `{"spec": {}}`,
		"a number of replicas is negative":           rules(-1, 5, atOnce),
		"a target or recommended_replicas is needed": document(1, atOnce, nothing),
		"-1 seconds are not between 0 and a century": rules(1, 1, atOnce, `"history": [{"seconds_ago": -1, "replicas": 1}]`),
		`scale_up_policy: policy type "Pod"`:         rules(1, 1, `"scale_up_policy": {"policies": [{"type": "Pod"}]}`),
		`scale_down_policy: select_policy "max"`:     rules(1, 1, `"scale_down_policy": {"select_policy": "max"}`),
		"a tolerance is negative":                    rules(1, 1, `"scale_down_policy": {"tolerance_percent": -1}`),
		"a target of -1 %":                           document(1, `"target_cpu_percent": -1`, nothing),
		"a change by -2147483648 is too much":        rules(1, 1, atOnce, `"scale_events": [{"seconds_ago": 1, "change": -2147483648}]`),
	} {
		if _, err := decideLine([]byte(document)); err == nil || err.Error() != want {
			t.Errorf("%s: got error %v, want %s", document, err, want)
		}
	}
}

func TestTolerancesAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		percent := float64(i) / 100
		if i >= 10000 {
			percent = 100 * random.Float64()
		}
		quantity, err := quantityReadAs(percent / 100)
		if err != nil || quantity.AsApproximateFloat64() != percent/100 {
			t.Errorf("%v %%: got %v, %v", percent, quantity, err)
		}
	}
}

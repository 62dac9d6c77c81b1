// Every operation of the services must have been seen to succeed, and to fail where it can.
package interop

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

type routes struct {
	lock sync.Mutex
	seen map[string][2]bool // succeeded, failed
}

func (r *routes) note(service, method, path string, ok bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	key := service + " " + method + " " + path
	seen := r.seen[key]
	seen[0], seen[1] = seen[0] || ok, seen[1] || !ok
	r.seen[key] = seen
}

// missing lists the operations nobody tried. A trailing ! marks those that cannot fail, a trailing ?
// those that cannot succeed here.
func (r *routes) missing() []string {
	r.lock.Lock()
	defer r.lock.Unlock()
	var missing []string
	for _, line := range strings.Split(strings.TrimSpace(operations), "\n") {
		key, infallible := strings.CutSuffix(strings.TrimSpace(line), " !")
		key, hopeless := strings.CutSuffix(key, " ?")
		switch seen := r.seen[key]; {
		case !seen[0] && !hopeless:
			missing = append(missing, fmt.Sprintf("%s: no success", key))
		case !seen[1] && !infallible:
			missing = append(missing, fmt.Sprintf("%s: no failure", key))
		}
	}
	sort.Strings(missing)
	return missing
}

const operations = `
core-metadata POST /device
core-metadata PATCH /device
core-metadata GET /device/all
core-metadata GET /device/check/name/{name}
core-metadata GET /device/name/{name}
core-metadata DELETE /device/name/{name}
core-metadata GET /device/id/{id}
core-metadata GET /device/profile/name/{name}
core-metadata GET /device/service/name/{name}
core-metadata POST /deviceprofile
core-metadata PUT /deviceprofile
core-metadata POST /deviceprofile/uploadfile
core-metadata PUT /deviceprofile/uploadfile
core-metadata GET /deviceprofile/all
core-metadata GET /deviceprofile/name/{name}
core-metadata DELETE /deviceprofile/name/{name}
core-metadata PATCH /deviceprofile/name/{name}/tags
core-metadata PATCH /deviceprofile/basicinfo
core-metadata GET /deviceprofile/basicinfo/all
core-metadata POST /deviceprofile/deviceCommand
core-metadata PATCH /deviceprofile/deviceCommand
core-metadata DELETE /deviceprofile/name/{name}/deviceCommand/{command}
core-metadata POST /deviceprofile/resource
core-metadata PATCH /deviceprofile/resource
core-metadata DELETE /deviceprofile/name/{name}/resource/{resource}
core-metadata GET /deviceprofile/manufacturer/{manufacturer}
core-metadata GET /deviceprofile/manufacturer/{manufacturer}/model/{model}
core-metadata GET /deviceprofile/model/{model}
core-metadata GET /deviceresource/profile/{profile}/resource/{resource}
core-metadata POST /deviceservice
core-metadata PATCH /deviceservice
core-metadata GET /deviceservice/all
core-metadata GET /deviceservice/name/{name}
core-metadata DELETE /deviceservice/name/{name}
core-metadata POST /provisionwatcher
core-metadata PATCH /provisionwatcher
core-metadata GET /provisionwatcher/all
core-metadata GET /provisionwatcher/name/{name}
core-metadata DELETE /provisionwatcher/name/{name}
core-metadata GET /provisionwatcher/service/name/{name}
core-metadata GET /provisionwatcher/profile/name/{name}
core-metadata GET /uom !
core-metadata GET /ping !
core-metadata GET /version !
core-metadata GET /config !
core-metadata POST /secret ?
core-data POST /event/{service}/{profile}/{device}/{source}
core-data GET /event/all
core-data GET /event/id/{id}
core-data DELETE /event/id/{id}
core-data GET /event/count !
core-data GET /event/count/device/name/{name} !
core-data GET /event/device/name/{name}
core-data DELETE /event/device/name/{name} !
core-data GET /event/start/{start}/end/{end}
core-data DELETE /event/age/{age}
core-data GET /reading/all
core-data GET /reading/count !
core-data GET /reading/count/device/name/{name} !
core-data GET /reading/device/name/{name}
core-data GET /reading/resourceName/{resource}
core-data GET /reading/device/name/{device}/resourceName/{resource}
core-data GET /reading/start/{start}/end/{end}
core-data GET /reading/resourceName/{resource}/start/{start}/end/{end}
core-data GET /reading/device/name/{device}/resourceName/{resource}/start/{start}/end/{end}
core-data GET /reading/device/name/{device}/start/{start}/end/{end}
core-data GET /ping !
core-data GET /version !
core-data GET /config !
core-data POST /secret ?
core-command GET /device/name/{name}/{command}
core-command PUT /device/name/{name}/{command}
core-command GET /device/name/{name}
core-command GET /device/all
core-command GET /ping !
core-command GET /version !
core-command GET /config !
core-command POST /secret ?
device-virtual GET /device/name/{name}/{command}
device-virtual PUT /device/name/{name}/{command}
device-virtual POST /discovery ?
device-virtual DELETE /discovery ?
device-virtual DELETE /discovery/requestId/{id} ?
device-virtual POST /profilescan ?
device-virtual DELETE /profilescan/device/name/{name} ?
device-virtual GET /ping !
device-virtual GET /version !
device-virtual GET /config !
device-virtual POST /secret ?
core-keeper GET /kvs/key/{key}
core-keeper PUT /kvs/key/{key}
core-keeper DELETE /kvs/key/{key}
core-keeper POST /registry
core-keeper PUT /registry
core-keeper GET /registry/all
core-keeper GET /registry/serviceId/{serviceId}
core-keeper DELETE /registry/serviceId/{serviceId}
core-keeper GET /ping !
core-keeper GET /version !
core-keeper GET /config !
core-keeper POST /secret ?
`

"""Debian's Swift as the judge of rings. Reads one JSON request from stdin, writes one JSON answer to stdout.

build    {part_power, replicas, overload, seed, steps, ring}  builds the ring with Swift's own builder and saves it
measure  {ring, replicas}                                     loads a ring and measures it with Swift's own measures
lookup   {ring, prefix, suffix, names, handoffs, out}         looks names up, one line each
rewrite  {ring, out}                                          loads a ring, saves it again, tells the bytes within
"""
import gzip
import json
import sys
import time

from swift.common import utils
from swift.common.ring import Ring, RingBuilder, RingData


def build(request):
    builder = RingBuilder(request['part_power'], request['replicas'], 1)
    builder.set_overload(request['overload'])
    moved = []
    seconds = []
    for step in request['steps']:
        for device in step.get('add', []):
            builder.add_dev(dict(device))
        for device_id in step.get('remove', []):
            builder.remove_dev(device_id)
        for device_id, weight in step.get('weights', []):
            builder.set_dev_weight(device_id, float(weight))
        if 'replicas' in step:
            builder.set_replicas(step['replicas'])
        builder.pretend_min_part_hours_passed()
        start = time.process_time()
        moved.append(builder.rebalance(seed=request['seed'])[0])
        seconds.append(time.process_time() - start)
    builder.validate()
    if 'ring' in request:
        builder.get_ring().save(request['ring'])
    return {'moved': moved, 'seconds': seconds, 'balance': builder.get_balance(), 'dispersion': builder.dispersion}


def measure(request):
    data = RingData.load(request['ring'])
    rows = data._replica2part2dev_id
    devices = data.devs
    for device in devices:
        if device is not None:
            device['parts'] = 0
    builder = RingBuilder.from_dict({
        'part_power': 32 - data._part_shift, 'replicas': request['replicas'], 'min_part_hours': 1,
        'parts': len(rows[0]), 'devs': devices, 'devs_changed': False, 'version': data.version,
        '_replica2part2dev': rows, '_last_part_moves_epoch': None, '_last_part_moves': None,
        '_last_part_gather_start': 0, '_remove_devs': []})
    for row in rows:
        for device_id in row:
            devices[device_id]['parts'] += 1
    builder.validate()
    builder._build_dispersion_graph()
    return {'balance': builder.get_balance(), 'dispersion': builder.dispersion}


def lookup(request):
    utils.HASH_PATH_PREFIX = request['prefix'].encode()
    utils.HASH_PATH_SUFFIX = request['suffix'].encode()
    ring = Ring(request['ring'], reload_time=3600)
    with open(request['names']) as names, open(request['out'], 'w') as out:
        for number, line in enumerate(names):
            part, nodes = ring.get_nodes(*json.loads(line))
            limit = request['handoffs'] if number >= request['full'] else len(ring.devs)
            more = []
            for node in ring.get_more_nodes(part):
                if len(more) == limit:
                    break
                more.append(node['id'])
            out.write('%d|%s|%s\n' % (
                part, ','.join(str(node['id']) for node in nodes), ','.join(map(str, more))))
    return {'replica_count': ring.replica_count, 'part_power': ring.part_power}


def rewrite(request):
    RingData.load(request['ring']).save(request['out'])
    with gzip.open(request['ring']) as ours, gzip.open(request['out']) as theirs:
        return {'same': ours.read() == theirs.read()}


if __name__ == '__main__':
    verbs = {'build': build, 'measure': measure, 'lookup': lookup, 'rewrite': rewrite}
    asked = json.load(sys.stdin)
    json.dump(verbs[asked['verb']](asked), sys.stdout)

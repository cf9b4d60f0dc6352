// SPDX-License-Identifier: Apache-2.0
// Puts the sections on the page, in the order in which they are best read.

function putContents() {
    const links = sections.map(({ id, title }) => element("li", {}, element("a", { href: `#${id}` }, title)));
    document.getElementById("contents").append(element("ol", {}, ...links));
    const watcher = new IntersectionObserver((entries) => {
        for (const entry of entries.filter((one) => one.isIntersecting)) {
            links.forEach((link, i) => {
                const isHere = sections[i].id === entry.target.id;
                link.firstChild.classList.toggle("is-here", isHere);
            });
        }
    }, { rootMargin: "-10% 0px -80% 0px" });
    sections.forEach(({ id }) => watcher.observe(document.getElementById(id)));
}

function putFoot() {
    document.getElementById("foot").append(
        element("p", {}, `Made by lobass ${data.lobass} from the run’s own database. Losses are nats per token; learnability is (initial − reference) / initial. The page holds everything it shows and fetches nothing. Charts: uPlot (MIT licence, in the page’s source).`));
}

putHead();
putLosses();
putReadings();
putDistributions();
putLength();
putDrops();
putSources();
putOverlap();
putRows();
putExperiment();
putStatuses();
putRun();
putContents();
putFoot();
drawCharts();

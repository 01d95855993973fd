"""Radiology terms that the shipped vocabulary should hold beside those of the phantom's own reports."""

TERMS = """
abnormal abnormality abscess acute adenopathy adjacent age aerated airspace alveolar aneurysm angle anterior
anteroposterior aorta aortic ap apex apical apices appearance arch area artery aspiration asymmetric atelectasis
atelectatic atherosclerotic atrium atrial attenuation azygos barium base bases basilar bibasilar bilateral blunting
bone bones bony borderline bowel breast bronchi bronchial bronchiectasis bronchogram bronchograms bronchus
calcification calcifications calcified calcific cardiac cardiomediastinal cardiomegaly cardiopulmonary cardiophrenic
carina carinal catheter cavitary cavity cavoatrial central centimeter cephalization change changed changes chest
chronic clavicle clear cm collapse compared comparison compression concerning confluent congestion congestive
consistent consolidation consolidations consolidative contour contours copd costophrenic covid coronary cuffing cyst
deformity degenerative dense densities density device devices diaphragm diaphragmatic diffuse diffusely discrete
disease displaced distal dual edema effusion effusions elevated elevation emphysema emphysematous empyema
endotracheal enlarged enlargement enteric esophageal esophagus evaluate evaluation evidence examination exclude
excluded expanded extensive external extrapleural failure fibrosis fibrotic field fields film findings fissure
flattening fluid focal focus foci foreign fracture fractures free frontal gas gastric generator granuloma granulomas
granulomatous ground glass haze haziness hazy heart hemidiaphragm hemidiaphragms hemithorax hemorrhage hernia hiatal
hila hilar hilum humerus hyperexpanded hyperinflated hyperinflation hypertension hypoinflated ill defined image
imaging implant impression improved improvement increased indication infection infectious inferior infiltrate
infiltrates inflammation inspiration inspiratory interstitial interstitium interval intrathoracic intubated
intubation jugular kerley kyphosis large lateral lead leads left lesion lesions linear line lines lingula lingular
lobar lobe lobes lobectomy lobulated loculated low lower lucency lucent lung lungs lymphadenopathy lymph malignancy
markings marked markedly mass masses mediastinal mediastinum metastases metastasis metastatic mid middle midline
mild mildly minimal minimally moderate moderately multifocal multiple nasogastric new nodes nodular nodularity
nodule nodules normal oblique obscured obscures obstruction opacification opacified opacities opacity osseous
osteopenia overload overt pacemaker pacing parenchyma parenchymal patchy patient penetration perfusion peribronchial
pericardial perihilar peripheral persistent picc placement plate pleura pleural pneumomediastinum pneumonia
pneumonias pneumonitis pneumoperitoneum pneumothoraces pneumothorax port portable position positive possible
posterior postoperative pa probable process prominence prominent proximal pulmonary quadrant radiograph radiographic
radiographs radiology reflect reflecting region related remote residual resolution resolved respiratory reticular
reticulonodular retrocardiac rib ribs right rotated rotation round scapula scar scarring scattered scoliosis
scoliotic septal severe severely shadow shift shoulder sided sign silhouette silhouetting size small soft spine
spinal stable standard status sternal sternotomy sternum stomach streaky structures study subclavian subcutaneous
subpulmonic subsegmental subtle suggest suggesting suggestive superior superimposed supine surgical suspected
suspicious svc symptoms tension terminates thickened thickening thoracic thoracostomy thorax tip tissue tissues
tortuosity tortuous trachea tracheal tracheostomy trapped trauma tube tubes tubular tuberculosis unchanged
underlying unfolded unremarkable upper upright valve vascular vascularity vasculature vein vena venous ventricle
ventricular vertebra vertebrae vertebral vessel vessels view views visceral visible visualized volume volumes wall
wedge wet widened widening wires within worsened worsening zone zones ards bacterial viral fungal sarcoidosis
silicosis asbestosis plaque pneumocystis hemothorax hydropneumothorax chylothorax effaced effacement epicardial fat
pad interlobar minor major crowding bronchovascular hypoventilatory aspirated bolus clips suture sutures staples
prosthesis prosthetic stent graft balloon pump swan ganz cordis dialysis pigtail drain drainage tracheobronchial
mainstem malpositioned repositioned advanced retracted withdrawn the a an of in is are was were be been has have had
with without no not and or but for to from at on by as that this these there it its which may might could can cannot
likely unlikely probably perhaps most more less than other any all some both either neither one two three four five
six seven eight nine ten first second third fourth fifth sixth ninth tenth year old woman man male female prior
previous previously again seen noted present absent demonstrated identified shown shows demonstrates remains remain
otherwise however since after before during between over under above below near through into onto due given question
history pain cough fever dyspnea shortness breath hypoxia sepsis fall cancer surgery status post assess please
recommended recommend follow correlation clinical clinically further ct scan mri ultrasound
"""


def terms() -> list[str]:
    """The terms, one a line of training text, in order of first appearance."""
    return list(dict.fromkeys(TERMS.split()))
